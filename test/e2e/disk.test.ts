// A receiver's disk that is full, and a journal that is damaged: nothing is lost, both screens say what is the matter, and
// there is a way on. Small disks are tmpfs, which only root may mount: elsewhere those scenes are skipped, visibly.

import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Command } from '../support/command.ts'
import { bothSucceed, Scene, slowly } from '../support/scene.ts'
import { scratchPath } from '../support/scratch.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'

const size = 40 * MiB + 7

/** Whether a small disk can be mounted here. */
const canMount = ((): boolean => {
  const scratch = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', scratch], { stdio: 'ignore' })
    execFileSync('umount', [scratch])
    return true
  } catch {
    return false
  } finally {
    rmSync(scratch, { recursive: true })
  }
})()

describe('a disk that takes no unix socket (exFAT)', () => {
  const image = exfat()
  if (image.whyNot !== undefined) console.log(`SKIPPED: exFAT: ${image.whyNot}`)

  it.skipIf(image.whyNot !== undefined)(
    'is not received onto, and that is said at once; to send from it is no trouble',
    async () => {
      const disk = image.mount()
      const scene = new Scene()
      const refused = scene.as('receiver', ['receive', disk, '--listen', '127.0.0.1:0'])
      expect(await refused.code(), refused.transcript).toBe(2)
      expect(refused.last('exit').error).toMatchObject({ code: 'no-locks' })
      expect(refused.stderr).toContain('its disk takes no unix socket')
      plant(disk, { 'photos/a.jpg': noise(MiB), 'photos/b.jpg': 'b' })
      const receiver = scene.receive()
      await bothSucceed(scene.send(`${disk}/photos`, '--to', await receiver.ticket()), receiver)
      expect(readFileSync(`${scene.target}/photos/a.jpg`).equals(noise(MiB))).toBe(true)
    },
  )
})

/** An exFAT file system in a file, through FUSE. */
function exfat(): { readonly whyNot: string | undefined; mount(): string } {
  const missing = ['mkfs.exfat', 'mount.exfat-fuse'].find((tool) => !existsSync(`/usr/sbin/${tool}`))
  const isRoot = process.getuid?.() === 0
  const whyNot = !isRoot ? 'only root may mount' : !existsSync('/dev/fuse') ? 'no FUSE' : missing && `no ${missing}`
  return {
    whyNot,
    mount() {
      const path = scratchPath()
      const run = (name: string, ...args: string[]): string =>
        execFileSync(name, args, { stdio: 'pipe', encoding: 'utf8' }).trim()
      run('truncate', '-s', '64M', `${path}/image`)
      run('mkfs.exfat', `${path}/image`)
      const loop = run('losetup', '-f', '--show', `${path}/image`)
      onTestFinished(() => void run('losetup', '-d', loop))
      mkdirSync(`${path}/disk`)
      run('mount.exfat-fuse', '-o', 'umask=077', loop, `${path}/disk`)
      onTestFinished(() => void run('umount', '-l', `${path}/disk`))
      return `${path}/disk`
    },
  }
}

describe.skipIf(!canMount)('R22: a full disk (needs root for tmpfs)', () => {
  function mounted(scene: Scene, megabytes: number): void {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', scene.target])
    onTestFinished(() => void execFileSync('umount', ['-l', scene.target]))
  }

  async function parked(flags: readonly string[] = [], megabytes = 24) {
    const scene = new Scene()
    mounted(scene, megabytes)
    plant(scene.source, { 'disk.img': noise(size) })
    const receiver = scene.receive(...flags)
    const sender = scene.send('disk.img', '--to', await receiver.ticket(), ...flags)
    const told = await Promise.all(
      [receiver, sender].map((side) => side.until('waiting', ({ reason }) => reason === 'disk-full')),
    )
    return { scene, receiver, sender, told }
  }

  it('parks with needed and free bytes on both screens, and goes on by itself when space returns', async () => {
    const { scene, receiver, sender, told } = await parked()
    expect(told.map(({ who }) => who)).toEqual(['self', 'peer'])
    for (const { bytesNeeded, bytesFree } of told) {
      expect(bytesNeeded).toBeGreaterThan(0)
      expect(bytesFree).toBeLessThan(bytesNeeded!)
      // What is on the disk already needs no more room, synced or not; a few chunks were under way.
      expect(bytesNeeded).toBeLessThan(size - 24 * MiB + 9 * MiB)
    }
    for (const side of [receiver, sender]) {
      await side.untilSaid(/disk is full, .* needed, .* free/)
      expect(side.last('session')).toMatchObject({ state: 'parked', reason: 'disk-full' })
    }
    execFileSync('mount', ['-o', 'remount,size=64m', scene.target])
    await bothSucceed(sender, receiver)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })

  it('ends with code 14 when --retry-for is over; with space, the same commands go on', async () => {
    const { scene, receiver, sender } = await parked(['--retry-for', '2s'])
    expect(await receiver.code()).toBe(14)
    expect(receiver.last('exit')).toMatchObject({ name: 'disk-full', resumable: true })
    expect([14, 5]).toContain(await sender.code())
    execFileSync('mount', ['-o', 'remount,size=64m', scene.target])
    const again = scene.receive()
    await again.until('listening')
    const resumed = scene.as('sender', ['resume'])
    await bothSucceed(resumed, again)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })
})

describe('a journal', () => {
  /** A transfer whose receiver was killed in the middle, and where its journal lies. */
  async function killed() {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size), 'small.txt': 'small' })
    const receiver = scene.receive()
    const paths = ['disk.img', 'small.txt']
    const sender = scene.send(paths, '--to', await receiver.ticket(), ...slowly)
    const { session } = await sender.until('progress', ({ bytesDurable }) => bytesDurable > 0)
    await receiver.killed()
    sender.hurry()
    const directory = `${scene.target}/.carryon/${session!}`
    return { scene, sender, session: session!, directory, journal: `${directory}/journal` }
  }

  it('R10: whose last record is torn is carried on', async () => {
    const { scene, sender, journal } = await killed()
    truncateSync(journal, lengthWithoutZeros(journal) - 5)
    const receiver = scene.receive()
    await bothSucceed(sender, receiver)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })

  it('R10: that is damaged in the middle is code 12: nothing is lost, a copy is kept, and --rebuild goes on', async () => {
    const { scene, sender, session, directory, journal } = await killed()
    const damaged = flip(journal, Math.floor(lengthWithoutZeros(journal) / 2))
    const stopped = scene.as('receiver', ['resume', session])
    expect(await stopped.code(), stopped.transcript).toBe(12)
    expect(stopped.last('exit')).toMatchObject({ name: 'integrity', error: { code: 'journal-damaged' } })
    expect(stopped.stderr).toContain('--rebuild')
    const copy = readdirSync(directory).find((name) => name.startsWith('journal.broken-'))!
    expect(readFileSync(`${directory}/${copy}`).equals(damaged)).toBe(true)
    expect(readdirSync(`${directory}/parts`)).toHaveLength(1)
    const receiver = scene.as('receiver', ['resume', session, '--rebuild'])
    await bothSucceed(sender, receiver)
    expect(listing(scene.target)).toEqual(listing(scene.source))
  })

  function lengthWithoutZeros(path: string): number {
    const bytes = readFileSync(path)
    let length = bytes.length
    while (length > 0 && bytes[length - 1] === 0) length--
    return length
  }

  /** One byte is another; what the file holds then. */
  function flip(path: string, offset: number): Buffer {
    const byte = readFileSync(path)[offset]!
    const fd = openSync(path, 'r+')
    writeSync(fd, Buffer.of(byte ^ 0x10), 0, 1, offset)
    closeSync(fd)
    expect(statSync(path).size).toBeGreaterThan(offset)
    return readFileSync(path)
  }
})

describe('a folder', () => {
  it.skipIf(process.platform !== 'linux')(
    'that cannot be written to is code 2, before anything is offered',
    async () => {
      const scene = new Scene()
      const receiver: Command = scene.as('receiver', ['receive', '/proc/self', '--listen', '127.0.0.1:0'])
      expect(await receiver.code()).toBe(2)
      expect(receiver.stderr).toContain('/proc/self')
    },
  )
})
