// R43: one holder per session directory, whoever dies, stops or starts at the same moment. Real processes, real sockets.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import * as net from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { nodeDisk } from '../../../src/store/node-disk.ts'
import { askHolder, handOver, takeLock, watchHolder, type Answer, type TakeOver } from '../../../src/store/lock.ts'
import { gate, overridden } from '../../support/overridden.ts'
import { scratch, scratchPath } from '../../support/scratch.ts'

const nobodyAsks: Answer = () => Promise.reject(new Error('nobody asks'))
const locks = (names: string[]) => names.filter((name) => name.startsWith('lock.'))

describe('a connection is handed over', () => {
  const takesOnly =
    (wanted: string, taken: net.Socket[]): TakeOver =>
    (request) =>
      (request as { proof?: unknown } | null)?.proof === wanted ? (socket) => void taken.push(socket) : undefined

  it('R39: to the holder that wants it; from then on bytes pass both ways, and the lock may go', async () => {
    const directory = await scratch()
    const taken: net.Socket[] = []
    const lock = (await takeLock(directory, nobodyAsks, takesOnly('s.1', taken)))!
    const there = (await handOver(directory, { proof: 's.1' }, 5_000))!
    const here = taken[0]!
    await lock.release()
    there.write('question')
    here.resume()
    expect(String((await once(here, 'data'))[0])).toBe('question')
    here.end('answer')
    there.resume()
    expect(String((await once(there, 'data'))[0])).toBe('answer')
    there.destroy()
    here.destroy()
  })

  it('to nobody who does not want it, and to nobody where there is none', async () => {
    const directory = await scratch()
    expect(await handOver(directory, { proof: 's.1' }, 5_000)).toBeUndefined()
    const taken: net.Socket[] = []
    const lock = (await takeLock(directory, nobodyAsks, takesOnly('s.1', taken)))!
    for (const request of [{ proof: 's.2' }, {}, null])
      expect(await handOver(directory, request, 5_000), JSON.stringify(request)).toBeUndefined()
    await lock.release()
    const plain = (await takeLock(directory, nobodyAsks))!
    expect(await handOver(directory, { proof: 's.1' }, 5_000)).toBeUndefined()
    await plain.release()
    expect(taken).toEqual([])
  })
})

describe('in one process', () => {
  it('is taken once, and again after its release', async () => {
    const directory = await scratch()
    const first = (await takeLock(directory, nobodyAsks))!
    expect(await takeLock(directory, nobodyAsks)).toBeUndefined()
    expect(await first.isHeld()).toBe(true)
    await first.release()
    expect(await directory.list()).toEqual([])
    const second = (await takeLock(directory, nobodyAsks))!
    expect(second).toBeDefined()
    await second.release()
  })

  it('has one winner of twenty who start at the same moment', async () => {
    for (let round = 0; round < 10; round++) {
      const directory = await scratch()
      const all = await Promise.all(Array.from({ length: 20 }, () => takeLock(directory, nobodyAsks)))
      const winners = all.filter((lock) => lock !== undefined)
      expect(winners).toHaveLength(1)
      expect(locks(await directory.list())).toHaveLength(1)
      await winners[0]!.release()
    }
  })

  it.each(['before', 'after'] as const)(
    'has one winner when a second starts %s the first looked round',
    async (when) => {
      const directory = await scratch()
      const held = gate()
      let lists = 0
      const list = async (): Promise<string[]> => {
        if (++lists !== 2) return directory.list() // The second look is the one after binding.
        if (when === 'after') return directory.list().then((names) => held.passed.then(() => names))
        return held.passed.then(() => directory.list())
      }
      const first = takeLock(overridden(directory, { list }), nobodyAsks)
      while (lists < 2) await turns(1)
      const second = takeLock(directory, nobodyAsks)
      while (locks(await directory.list()).length < 2) await turns(1)
      await Promise.race([second, turns(100)])
      held.open()
      const winners = (await Promise.all([first, second])).filter((lock) => lock !== undefined)
      expect(winners).toHaveLength(1)
      await winners[0]!.release()
    },
  )

  it('R44: notices that its socket was removed or replaced', async () => {
    const directory = await scratch()
    const lock = (await takeLock(directory, nobodyAsks))!
    const [name] = locks(await directory.list())
    await directory.unlink(name!)
    expect(await lock.isHeld()).toBe(false)
    await (await directory.openFile(name!, 'create')).close()
    expect(await lock.isHeld()).toBe(false)
    await lock.release()
  })

  it('M17: works below a path of any length', async () => {
    let path = scratchPath()
    for (let i = 0; i < 10; i++) mkdirSync((path = join(path, 'd'.repeat(60))))
    const directory = await nodeDisk.openRoot(path)
    const lock = (await takeLock(directory, async () => 'yes'))!
    expect(await takeLock(directory, nobodyAsks)).toBeUndefined()
    expect(await askHolder(directory, {}, 1_000)).toBe('yes')
    await lock.release()
    await directory.close()
  })
})

describe('the control channel', () => {
  it('carries one question and one answer', async () => {
    const directory = await scratch()
    const lock = (await takeLock(directory, async (request) => ({ got: request })))!
    expect(await askHolder(directory, { pause: true, by: 'ä\n' }, 5_000)).toEqual({ got: { pause: true, by: 'ä\n' } })
    await lock.release()
    expect(await askHolder(directory, {}, 5_000)).toBeUndefined()
  })

  it('outlives whatever is said on it', async () => {
    const directory = await scratch()
    const lock = (await takeLock(directory, async (request) => {
      if (request === 'throw') throw new Error('as told')
      return request
    }))!
    const path = directory.socketPath(locks(await directory.list())[0]!)
    for (const noise of [
      '',
      'null\n',
      '{}\n',
      'not json\n',
      '[1]\n',
      `${'x'.repeat(100_000)}\n`,
      '{"ask":"nonsense"}\n',
    ]) {
      const socket = net.connect(path)
      socket.on('error', () => undefined)
      socket.end(noise)
      socket.resume()
      await once(socket, 'close')
    }
    expect(await askHolder(directory, 'throw', 1_000)).toBeUndefined()
    expect(await askHolder(directory, 'fine', 1_000)).toBe('fine')
    await lock.release()
  })

  it('streams what is broadcast to everyone who watches, until the end', async () => {
    const directory = await scratch()
    const watching = new Set<string>()
    const lock = (await takeLock(directory, nobodyAsks))!
    const watch = async (name: string): Promise<string[]> => {
      const lines: string[] = []
      for await (const line of watchHolder(directory)) {
        if (line === 'hello') watching.add(name)
        else lines.push(line)
      }
      return lines
    }
    const watchers = [watch('one'), watch('other')]
    while (watching.size < 2) {
      lock.broadcast('hello')
      await new Promise(setImmediate)
    }
    for (let i = 0; i < 1_000; i++) lock.broadcast(`line ${i} ${'ä'.repeat(i)}`)
    await lock.release()
    for (const lines of await Promise.all(watchers)) {
      const own = lines.filter((line) => line.startsWith('line'))
      expect(own).toHaveLength(1_000)
      expect(own[999]).toBe(`line 999 ${'ä'.repeat(999)}`)
    }
  })

  it('gives nothing to watch where nobody holds', async () => {
    const lines: string[] = []
    for await (const line of watchHolder(await scratch())) lines.push(line)
    expect(lines).toEqual([])
  })
})

describe('between processes', () => {
  it('is held by a live one, and free at once after kill -9', async () => {
    const directory = await scratch()
    const holder = await start(directory.label)
    expect(holder.said).toBe('held')
    expect(await takeLock(directory, nobodyAsks)).toBeUndefined()
    expect(await askHolder(directory, 'who', 5_000)).toEqual({ pid: holder.process.pid, request: 'who' })
    await end(holder.process, 'SIGKILL')
    expect(locks(await directory.list())).toHaveLength(1)
    const lock = (await takeLock(directory, nobodyAsks))!
    expect(lock).toBeDefined()
    expect(locks(await directory.list())).toHaveLength(1)
    await lock.release()
  })

  it('is kept by one that is stopped', { timeout: 30_000 }, async () => {
    const directory = await scratch()
    const holder = await start(directory.label)
    holder.process.kill('SIGSTOP')
    expect(await takeLock(directory, nobodyAsks)).toBeUndefined()
    expect(await askHolder(directory, 'who', 200)).toBeUndefined()
    holder.process.kill('SIGCONT')
    expect(await askHolder(directory, 'who', 5_000)).toMatchObject({ request: 'who' })
    await end(holder.process, 'SIGKILL')
  })

  it('has one winner of twenty processes beside stale sockets', { timeout: 60_000 }, async () => {
    const directory = await scratch()
    for (let i = 0; i < 2; i++) await end((await start(directory.label)).process, 'SIGKILL')
    const starters = await Promise.all(Array.from({ length: 20 }, () => start(directory.label)))
    expect(starters.map(({ said }) => said).toSorted()).toEqual([...Array<string>(19).fill('busy'), 'held'])
    await Promise.all(starters.map(({ process }) => end(process, 'SIGKILL')))
  })
})

/** Lets this many rounds of events pass. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(setImmediate)
}

async function start(path: string): Promise<{ process: ChildProcess; said: string }> {
  const script = fileURLToPath(new URL('../../support/lock-holder.mjs', import.meta.url))
  const child = spawn(process.execPath, [script, path], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [said] = (await once(createInterface(child.stdout), 'line')) as [string]
  return { process: child, said }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}
