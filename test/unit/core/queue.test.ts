import { describe, expect, it } from 'vitest'
import { Queue } from '../../../src/core/queue.ts'

function emptied(queue: Queue): number[] {
  const order: number[] = []
  for (let entry = queue.first(); entry !== undefined && order.length < 20; entry = queue.first()) {
    order.push(entry)
    queue.shift()
  }
  return order
}

function queueOf(...entries: readonly number[]): Queue {
  const queue = new Queue()
  for (const entry of entries) queue.add(entry)
  return queue
}

describe('the queue of entries to send', () => {
  it.each([
    ['neighbours', [3, 4, 5]],
    ['with gaps', [1, 2, 7, 8, 20]],
    ['wanted out of order', [9, 3, 4, 2]],
    ['wanted twice', [5, 5, 6]],
  ])('gives back in the order in which they were wanted: %s', (_what, entries) => {
    expect(emptied(queueOf(...entries))).toEqual(entries)
  })

  it('takes more while it is being emptied', () => {
    const queue = queueOf(0, 1)
    queue.shift()
    queue.add(2)
    expect(queue.first()).toBe(1)
    expect(emptied(queue)).toEqual([1, 2])
  })

  it('has no first once it is empty, and may be shifted all the same', () => {
    const queue = queueOf()
    queue.shift()
    expect(queue.first()).toBeUndefined()
    queue.add(4)
    expect(emptied(queue)).toEqual([4])
  })

  it('gives first what must not wait, each entry once, in the order in which it was put there', () => {
    const queue = queueOf(0, 1)
    for (const entry of [8, 7, 8, 7]) queue.addFirst(entry)
    expect(emptied(queue)).toEqual([8, 7, 0, 1])
  })

  it('puts nothing before others that is the first already', () => {
    const queue = queueOf(0, 1)
    queue.addFirst(0)
    expect(emptied(queue)).toEqual([0, 1])
  })

  it('forgets all of them, those that must not wait among them', () => {
    const queue = queueOf(0, 1)
    queue.addFirst(8)
    queue.clear()
    expect(emptied(queue)).toEqual([])
  })
})
