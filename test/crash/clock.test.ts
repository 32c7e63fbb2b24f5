// Clocks that jump and clocks that run fast change nothing for those who know each other (R36). The clock is libfaketime's,
// set through a file while the command runs; without it these tests are skipped, visibly.

import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { bothSucceed, leisurely, Scene, type Side } from '../support/scene.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'

const library = ((): string | undefined => {
  const folders = readdirSync('/usr/lib').map((name) => `/usr/lib/${name}/faketime/libfaketimeMT.so.1`)
  return folders.find((path) => existsSync(path))
})()
if (library === undefined) console.log('SKIPPED: clocks that jump: libfaketime is not installed')

/** A clock that a test sets: `+10y` is ten years ahead from then on, `+0 x2` runs twice as fast. */
function clockIn(scene: Scene) {
  const file = join(scene.path, 'clock')
  const set = (offset: string): void => writeFileSync(file, `${offset}\n`)
  set('+0')
  const env = {
    LD_PRELOAD: library!,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
    NO_FAKE_STAT: '1',
  }
  return { set, env }
}

describe.skipIf(library === undefined).each(['sender', 'receiver'] as const)('the clock of the %s', (side: Side) => {
  it.each([
    ['jumps ahead by ten years, and back by twenty', ['+10y', '-10y', '+0']],
    ['runs twice as fast', ['+0 x2.0']],
  ])('%s: nothing is lost, nothing reconnects', async (_, offsets) => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(24 * MiB + 3) })
    const clock = clockIn(scene)
    const env = (of: Side) => (of === side ? { env: clock.env } : {})
    const receiver = scene.as('receiver', ['receive', scene.target, '--listen', '127.0.0.1:0'], env('receiver'))
    const words = ['send', `${scene.source}/disk.img`, '--to', await receiver.ticket(), ...leisurely]
    const sender = scene.as('sender', words, env('sender'))
    await sender.until('checkpoint')
    const jumper = side === 'sender' ? sender : receiver
    for (const offset of offsets) {
      clock.set(offset)
      await jumper.untilNext('progress')
      await sender.untilNext('checkpoint')
    }
    const years = new Set(jumper.events.map(({ time }) => time.slice(0, 4)))
    if (offsets.length > 1) expect(years.size).toBeGreaterThan(1) // The clock did jump.
    sender.hurry()
    await bothSucceed(sender, receiver)
    expect(sender.last('summary')).toMatchObject({ reconnects: 0, bytesResent: 0 })
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })
})
