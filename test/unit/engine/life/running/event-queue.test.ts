import { describe, expect, it } from 'vitest'
import { EventQueue, type RunEvent } from '../../../../../src/engine/life/running/event-queue.ts'

const event = (type: string, n: number) => ({ type, serial: n }) as unknown as RunEvent
const read = async (queue: EventQueue) => {
  const seen: string[] = []
  for await (const { type, serial } of queue as unknown as AsyncIterable<{ type: string; serial: number }>)
    seen.push(`${type} ${serial}`)
  return seen
}

describe('EventQueue', () => {
  it('unread, drops only progress that a newer one replaces, and keeps the order', async () => {
    const queue = new EventQueue()
    queue.push(event('session', 1))
    queue.push(event('progress', 2))
    queue.push(event('checkpoint', 3))
    queue.push(event('progress', 4))
    queue.push(event('summary', 5))
    queue.end()
    expect(await read(queue)).toEqual(['session 1', 'checkpoint 3', 'progress 4', 'summary 5'])
  })

  it('hands over what comes while it is read, and ends', async () => {
    const queue = new EventQueue()
    const reading = read(queue)
    queue.push(event('progress', 1))
    await Promise.resolve()
    await Promise.resolve()
    queue.push(event('progress', 2))
    queue.push(event('session', 3))
    queue.end()
    queue.push(event('session', 4))
    expect((await reading).at(-1)).toBe('session 3')
  })

  it('keeps nothing for a reader who broke off', async () => {
    const queue = new EventQueue()
    queue.push(event('session', 1))
    for await (const _ of queue) break
    queue.push(event('session', 2))
    queue.end()
    expect(await read(queue)).toEqual([])
  })
})
