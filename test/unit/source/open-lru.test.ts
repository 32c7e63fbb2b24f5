import { afterEach, describe, expect, it } from 'vitest'
import { OpenLru } from '../../../src/source/open-lru.ts'

const closedTwice: string[] = []
afterEach(() => expect(closedTwice).toEqual([]))

/** Resources with a number each; `open` tells which are open. */
function resources() {
  let made = 0
  const open = new Set<string>()
  const make = async (name: string) => {
    const label = `${name}${++made}`
    open.add(label)
    const close = async (): Promise<void> => {
      if (!open.delete(label)) closedTwice.push(label)
    }
    return { label, close }
  }
  return { open, make }
}

/** A promise and the function that resolves it. */
function gate(): { passed: Promise<void>; pass: () => void } {
  let pass = (): void => {}
  const passed = new Promise<void>((resolve) => (pass = resolve))
  return { passed, pass }
}

describe('what is kept open', () => {
  it('is what was used last', async () => {
    const { open, make } = resources()
    const lru = new OpenLru<string, { label: string; close(): Promise<void> }>(2)
    for (const name of ['a', 'b', 'a', 'c'])
      await lru.use(
        name,
        () => make(name),
        async () => {},
      )
    expect([...open]).toEqual(['a1', 'c3'])
    await lru.clear()
    expect([...open]).toEqual([])
  })

  it('is opened once for users at the same time, and closed under none', async () => {
    const { open, make } = resources()
    const lru = new OpenLru<string, { label: string; close(): Promise<void> }>(1)
    const { passed, pass } = gate()
    const label = (name: string) =>
      lru.use(
        name,
        () => make(name),
        async (resource) => (await passed, resource.label),
      )
    const all = Promise.all([label('a'), label('a'), label('b'), label('c')])
    await lru.drop('a')
    const again = label('a')
    expect(open.size).toBe(4)
    pass()
    expect(await all).toEqual(['a1', 'a1', 'b2', 'c3'])
    expect(await again).toBe('a4')
    expect(open.size).toBe(1)
    await lru.clear()
    expect(open.size).toBe(0)
  })

  it('is nothing after a failure: the next use tries again', async () => {
    const { make } = resources()
    const lru = new OpenLru<string, { label: string; close(): Promise<void> }>(1)
    const fail = (): Promise<never> => Promise.reject(new Error('no'))
    const use = async (): Promise<string> => 'used'
    const failed = await Promise.allSettled([lru.use('a', fail, use), lru.use('a', () => make('a'), use)])
    expect(failed.map((result) => result.status)).toEqual(['rejected', 'rejected'])
    expect(await lru.use('a', () => make('a'), use)).toBe('used')
    await lru.clear()
  })

  it('R25: that one of it cannot be closed costs nobody what another one was used for', async () => {
    const lru = new OpenLru<string, { close(): Promise<void> }>(1)
    const broken = async () => ({ close: () => Promise.reject(new Error('EIO')) })
    const use = (name: string) => lru.use(name, broken, async () => `found in ${name}`)
    expect(await use('a')).toBe('found in a')
    expect(await use('b')).toBe('found in b') // Closes `a`.
    await lru.drop('b')
    await lru.clear()
  })
})
