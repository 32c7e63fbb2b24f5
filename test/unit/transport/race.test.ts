// Trying several ways at once: who starts when, who wins, what becomes of the others.

import { describe, expect, it } from 'vitest'
import { firstToSucceed, type Way } from '../../../src/transport/race.ts'

const never = 2 ** 30 // ms: what starts within a test starts because another way failed.

/** Runs the ways; discarded goals and the signal are at hand. */
function race(ways: readonly Way<string>[], staggerMs = never) {
  const controller = new AbortController()
  const discarded: string[] = []
  const won = firstToSucceed(ways, { staggerMs, signal: controller.signal, discard: (goal) => discarded.push(goal) })
  return { won, discarded, controller }
}

const fails =
  (message: string): Way<string> =>
  () =>
    Promise.reject(new Error(message))

const until =
  (told: string[], name: string): Way<string> =>
  (signal) =>
    new Promise((_, reject) =>
      signal.addEventListener('abort', () => {
        told.push(name)
        reject(new Error('aborted'))
      }),
    )

describe('firstToSucceed', () => {
  it('goes on to the next way as soon as one fails', async () => {
    const { won } = race([fails('a'), fails('b'), () => Promise.resolve('c')])
    expect(await won).toBe('c')
  })

  it('starts the next way while the first still tries, and aborts whoever is late', async () => {
    const aborted: string[] = []
    const { won } = race([until(aborted, 'first'), () => Promise.resolve('second')], 1)
    expect(await won).toBe('second')
    expect(aborted).toEqual(['first'])
  })

  it('does not start a way that nobody needs', async () => {
    let started = 0
    const { won } = race([
      () => Promise.resolve('first'),
      () => {
        started += 1
        return Promise.resolve('second')
      },
    ])
    expect(await won).toBe('first')
    expect(started).toBe(0)
  })

  it('discards a goal reached too late', async () => {
    let finish: (goal: string) => void = () => {}
    const late = new Promise<string>((resolve) => (finish = resolve))
    const { won, discarded } = race([() => late, () => Promise.resolve('second')], 1)
    expect(await won).toBe('second')
    finish('first')
    await late
    await Promise.resolve()
    expect(discarded).toEqual(['first'])
  })

  it('tells every error, in the order of the ways, when all fail', async () => {
    const { won } = race([fails('a'), fails('b')])
    await expect(won).rejects.toMatchObject({ errors: [{ message: 'a' }, { message: 'b' }] })
    await expect(race([]).won).rejects.toMatchObject({ errors: [] })
  })

  it('ends with the reason of the signal', async () => {
    const aborted: string[] = []
    const { won, controller } = race([until(aborted, 'first')])
    controller.abort(new Error('enough'))
    await expect(won).rejects.toThrow('enough')
    expect(aborted).toEqual(['first'])
    const before = firstToSucceed([fails('a')], { staggerMs: never, signal: controller.signal, discard: () => {} })
    await expect(before).rejects.toThrow('enough')
  })
})
