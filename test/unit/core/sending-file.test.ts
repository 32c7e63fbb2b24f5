import { describe, expect, it } from 'vitest'
import { SendingFile, type Stage } from '../../../src/core/sending-file.ts'

const chunkBytes = 10

/** A file of four chunks, the last of which has 5 bytes; being sent. */
function sending(): SendingFile {
  const file = new SendingFile(7, 0, 35, chunkBytes)
  file.start()
  return file
}

/** Sends chunks until there is no next, over connection 1. */
function sendAll(file: SendingFile): number[] {
  const sent: number[] = []
  for (let chunk = file.next; chunk !== undefined && sent.length < 20; chunk = file.next) {
    file.send(chunk, 1)
    sent.push(chunk)
  }
  return sent
}

/** The socket took it. */
function taken(file: SendingFile, ...chunks: readonly number[]): void {
  for (const chunk of chunks) {
    file.sending.delete(chunk)
    file.know(chunk, BigInt(chunk))
    file.held.add(chunk)
  }
}

describe('a file that is sent', () => {
  it('has its chunks sent in order, each once', () => {
    expect(sendAll(sending())).toEqual([0, 1, 2, 3])
  })

  it.each<Stage>(['waiting', 'verifying', 'collecting', 'checking', 'comparing', 'announcing', 'sent'])(
    'has no next chunk while it is %s',
    (stage) => {
      const file = sending()
      file.stage = stage
      expect([file.next, file.nextOf([0, 1])]).toEqual([undefined, undefined])
    },
  )

  it('is started only where it waits', () => {
    const file = new SendingFile(7, 0, 35, chunkBytes)
    expect(file.next).toBeUndefined()
    file.start()
    expect(file.stage).toBe('sending')
    file.stage = 'announcing'
    file.start()
    expect(file.stage).toBe('announcing')
  })

  it('goes on behind what the receiver holds, durable or not', () => {
    const file = sending()
    file.heldBy([[0, 1]], [[2, 1]])
    expect([file.stage, file.durable.runs(), file.held.runs()]).toEqual([
      'waiting',
      [[0, 1]],
      [
        [0, 1],
        [2, 1],
      ],
    ])
    file.start()
    expect(sendAll(file)).toEqual([1, 3])
  })

  it('begins anew with an epoch: nothing is under way, asked for or held until the receiver says so', () => {
    const file = sending()
    taken(file, 0)
    file.send(1, 1)
    file.sendAgain([[0, 1]])
    file.questions = 2
    file.epochBegan()
    expect([file.stage, file.questions, file.sending.size, file.held.count, file.durable.count]).toEqual([
      'waiting',
      0,
      0,
      0,
      0,
    ])
    file.start()
    expect(sendAll(file)).toEqual([0, 1, 2, 3])
  })

  it('is sent when all is held, nothing is under way and nothing is asked for again', () => {
    const file = sending()
    sendAll(file)
    taken(file, 0, 1, 2)
    expect(file.isSent).toBe(false)
    file.held.add(3)
    expect(file.isSent).toBe(false)
    taken(file, 3)
    expect(file.isSent).toBe(true)
    file.sendAgain([[1, 1]])
    file.held.add(1)
    expect(file.isSent).toBe(false)
  })

  it('counts a last chunk that is shorter as what it is', () => {
    const file = sending()
    file.acknowledge(0, 2)
    expect(file.durableBytes(chunkBytes)).toBe(20)
    file.acknowledge(3, 1)
    expect(file.durableBytes(chunkBytes)).toBe(25)
  })

  it('knows which of its chunks go over a connection', () => {
    const file = sending()
    file.send(0, 1)
    file.send(1, 2)
    file.send(2, 1)
    expect([...file.sendingOver(1)]).toEqual([0, 2])
    expect([...file.sendingOver(2)]).toEqual([1])
  })

  it('offers of some chunks the first that is neither held nor under way', () => {
    const file = sending()
    file.held.add(0)
    file.send(1, 1)
    expect(file.nextOf([0, 1, 3, 2])).toBe(3)
    expect(file.nextOf([0, 1])).toBeUndefined()
  })
})

describe('an acknowledge', () => {
  it('is taken for what it says, and for a chunk less to send where its hash is known', () => {
    const file = sending()
    file.know(0, 5n)
    file.acknowledge(0, 2)
    expect(file.durable.runs()).toEqual([[0, 2]])
    expect(file.held.runs()).toEqual([[0, 1]])
    expect(sendAll(file)).toEqual([1, 2, 3])
  })

  it('of what is under way, or asked for again, does not make it held', () => {
    const file = sending()
    for (const chunk of [0, 1]) file.know(chunk, 5n)
    file.send(0, 1)
    file.sendAgain([[1, 1]])
    file.acknowledge(0, 2)
    expect(file.held.count).toBe(0)
    expect(file.next).toBe(1)
  })
})

describe('chunks that are asked for again', () => {
  it('go first, and then the file goes on where it was', () => {
    const file = sending()
    for (const chunk of [0, 1, 2]) {
      file.send(chunk, 1)
      taken(file, chunk)
    }
    file.acknowledge(0, 1)
    file.sendAgain([
      [2, 1],
      [0, 1],
    ])
    expect(file.durable.count).toBe(0)
    expect(sendAll(file)).toEqual([2, 0, 3])
  })

  it.each<[Stage, Stage]>([
    ['waiting', 'sending'],
    ['collecting', 'sending'],
    ['checking', 'sending'],
    ['sent', 'sending'],
    ['verifying', 'verifying'],
    ['comparing', 'comparing'],
    ['announcing', 'announcing'],
  ])('of a file that is %s leave it %s', (before, after) => {
    for (const ask of [(file: SendingFile) => file.sendAgain([[0, 1]]), (file: SendingFile) => file.lost([0])]) {
      const file = sending()
      file.stage = before
      ask(file)
      expect(file.stage).toBe(after)
    }
  })
})

describe('chunks of a lane that is lost', () => {
  it('are sent again, unless they are known to be durable', () => {
    const file = sending()
    sendAll(file)
    for (const chunk of [0, 1]) file.know(chunk, 5n)
    file.durable.addRun(1, 2)
    file.lost([0, 1, 2])
    expect(file.held.runs()).toEqual([[1, 1]])
    expect([...file.sending.keys()]).toEqual([3])
    expect(sendAll(file)).toEqual([0, 2])
  })
})

describe('hashes', () => {
  it('that are unknown of what is held are those to ask for', () => {
    const file = sending()
    file.held.addRun(0, 2)
    file.know(1, 9n)
    expect(file.hashes[1]).toBe(9n)
    expect(file.hasUnknown).toBe(true)
    expect(file.unknown().runs()).toEqual([[0, 1]])
    file.know(0, 8n)
    expect(file.hasUnknown).toBe(false)
  })
})
