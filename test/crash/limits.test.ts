// The real command where the system gives it little: few descriptors, short files, a disk with just enough room.

import { execFileSync } from 'node:child_process'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Command } from '../support/command.ts'
import { bothSucceed, leisurely, Scene } from '../support/scene.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'

/** Whether a command can be run here. */
function works(...[program, ...args]: readonly [string, ...string[]]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function limit(command: Command, what: string): void {
  execFileSync('prlimit', ['--pid', String(command.pid), `--${what}`])
}

describe.skipIf(!works('prlimit', '--version'))('a limit of the process (needs prlimit)', () => {
  // Node itself holds 21; beside them at most 32, and 2 for each lane.
  it.each([
    { descriptors: 64, lanes: 1 },
    { descriptors: 69, lanes: 8 },
  ])(
    'R24: $descriptors descriptors do for 10,000 files on both sides over $lanes lanes',
    { timeout: 400_000 },
    async (it) => {
      const scene = new Scene()
      const bytes = noise(11_000)
      const names = Array.from({ length: 10_000 }, (_, i) => `${i % 7}/${i % 50}/${i}`)
      plant(scene.source, Object.fromEntries(names.map((name, i) => [name, bytes.subarray(i, i + (i % 1000))])))
      const most = `nofile=${it.descriptors}:${it.descriptors}`
      const receiver = scene.receive()
      limit(receiver, most)
      const sender = scene.send('.', '--to', await receiver.ticket(), '--lanes', `${it.lanes}`)
      limit(sender, most)
      await Promise.all([receiver.code(300_000), sender.code(300_000)])
      await bothSucceed(receiver, sender)
      expect(listing(scene.target)).toEqual(listing(scene.source))
      scene.expectClean()
    },
  )

  it('R17: a file may not grow as long as it must: once it may, the same command goes on', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(24 * MiB + 99) })
    const receiver = scene.receive()
    const sender = scene.send('disk.img', '--to', await receiver.ticket(), ...leisurely)
    await receiver.until('progress', ({ bytesDurable }) => bytesDurable > 0)
    limit(receiver, `fsize=${16 * MiB + 4097}`)
    sender.hurry()
    await receiver.ended // The system's signal, or an error: either is an end.
    await bothSucceed(scene.receive(), sender)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })
})

describe.skipIf(!canMount())('a disk (needs root for tmpfs)', () => {
  const size = 64 * MiB

  function mounted(path: string, options: string): void {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path])
    onTestFinished(() => void execFileSync('umount', ['-l', path]))
  }

  it('R29: with room for what comes and 16 MiB has enough: nothing lies there twice', async () => {
    const scene = new Scene()
    mounted(scene.target, `size=${Math.ceil(size * 1.001) + 16 * MiB}`)
    plant(scene.source, { 'one.img': noise(size / 2, 1), 'two.img': noise(size / 2, 2) })
    const receiver = scene.receive()
    await bothSucceed(scene.send('.', '--to', await receiver.ticket()), receiver)
    expect(receiver.all('waiting').filter(({ reason }) => reason === 'disk-full')).toEqual([])
    expect(listing(scene.target)).toEqual(listing(scene.source))
  })
})

function canMount(): boolean {
  return process.getuid?.() === 0 && works('unshare', '-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt')
}
