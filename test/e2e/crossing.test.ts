// What is sent arrives: every kind of file and folder, from either side, and a second time for nothing.

import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { bothSucceed, expectBalanced, Scene, unprivileged } from '../support/scene.ts'
import { file, folder, link, listing, MiB, noise, plant, type Tree } from '../support/trees.ts'

/** Sends with both commands, the receiver listening; both must succeed. */
async function cross(scene: Scene, paths: string | readonly string[], flags: readonly string[] = []) {
  const receiver = scene.receive()
  const sender = scene.send(paths, '--to', await receiver.ticket(), ...flags)
  await bothSucceed(sender, receiver)
  expectBalanced(sender)
  expectBalanced(receiver)
  return { sender, receiver }
}

const album: Tree = {
  'photos/a.jpg': noise(3 * MiB + 1, 1),
  'photos/b.jpg': noise(MiB, 2),
  'photos/empty.txt': '',
  'photos/sub/c.txt': file('hello', 0o600, 1_700_000_000.123456),
  'photos/sub/run.sh': file('#!/bin/sh\n', 0o755),
  'photos/none': folder(0o750, 1_600_000_000.654321),
}

describe('a folder', () => {
  it('crosses when the receiver listens, and nothing but receipts is left', async () => {
    const scene = new Scene()
    plant(scene.source, album)
    const { sender, receiver } = await cross(scene, 'photos')
    expect(listing(scene.target)).toEqual(listing(scene.source))
    expect(sender.last('summary').digest).toBe(receiver.last('summary').digest)
    expect(sender.last('exit')).toMatchObject({ code: 0, name: 'ok', resumable: false, resumeCommand: null })
    scene.expectClean()
  })

  it('crosses when the sender listens', async () => {
    const scene = new Scene()
    plant(scene.source, album)
    const sender = scene.send('photos')
    const receiver = scene.receive('--from', await sender.ticket())
    await bothSucceed(sender, receiver)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })

  it('crosses between two commands that share one state directory', async () => {
    const scene = new Scene({ sharedState: true })
    plant(scene.source, album)
    await cross(scene, 'photos')
    expect(listing(scene.target)).toEqual(listing(scene.source))
    expect(scene.receipts('sender')).toHaveLength(1)
    expect(scene.leftovers('sender')).toEqual([])
  })

  it('crosses in plain text on loopback, and says that it is plain', async () => {
    const scene = new Scene()
    plant(scene.source, album)
    const receiver = scene.receive('--insecure-plaintext')
    const sender = scene.send('photos', '--to', await receiver.ticket(), '--insecure-plaintext')
    await bothSucceed(sender, receiver)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    expect(receiver.all('warning').map(({ code }) => code)).toContain('insecure')
  })

  it('lands under its name with and without a trailing slash; a trailing /. spills its contents', async () => {
    const scene = new Scene()
    plant(scene.source, { 'photos/a': 'a', 'more/b': 'b', 'spilled/c': 'c' })
    await cross(scene, ['photos', 'more/', 'spilled/.'])
    expect(Object.keys(listing(scene.target))).toEqual(['c', 'more', 'more/b', 'photos', 'photos/a'])
  })

  it('lands under another name by --as', async () => {
    const scene = new Scene()
    plant(scene.source, { 'photos/a': 'a' })
    await cross(scene, 'photos', ['--as', 'holiday'])
    expect(Object.keys(listing(scene.target))).toEqual(['holiday', 'holiday/a'])
  })

  it('may be empty', async () => {
    const scene = new Scene()
    plant(scene.source, { nothing: folder(0o711, 1_500_000_000) })
    await cross(scene, 'nothing')
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })

  it('may be deep', async () => {
    const scene = new Scene()
    plant(scene.source, { [`deep/${'d/'.repeat(100)}file`]: 'found me' })
    await cross(scene, 'deep')
    expect(listing(scene.target)).toEqual(listing(scene.source))
  })

  it('may hold thousands of small files', async () => {
    const scene = new Scene()
    const many = Array.from({ length: 3000 }, (_, i) => [`many/${i % 30}/${i}.txt`, noise(i % 700, i)] as const)
    plant(scene.source, Object.fromEntries(many))
    await cross(scene, 'many')
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })

  it('R116: keeps the modes of folders that nobody may write to', async () => {
    const scene = new Scene({ uid: unprivileged })
    plant(scene.source, {
      tree: folder(0o555, 1_400_000_000),
      'tree/inner': folder(0o555, 1_400_000_001),
      'tree/inner/file': file('read only', 0o444, 1_400_000_002.5),
    })
    if (unprivileged !== undefined) scene.give(unprivileged)
    await cross(scene, 'tree')
    expect(listing(scene.target)).toEqual(listing(scene.source))
  })
})

describe('a file', () => {
  it.each([
    ['empty', 0],
    ['one byte', 1],
    ['exactly a chunk', MiB],
    ['a chunk and a byte', MiB + 1],
    ['many chunks', 12 * MiB + 777],
  ])('crosses: %s', async (_name, size) => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': file(noise(size), 0o640, 1_234_567_890.012345) })
    const { sender } = await cross(scene, 'disk.img')
    expect(listing(scene.target)).toEqual(listing(scene.source))
    expect(sender.last('summary')).toMatchObject({ bytes: size, bytesSentThisRun: size, bytesResent: 0 })
    scene.expectClean()
  })

  it('R28: crosses with its holes, which cost next to nothing', async () => {
    const scene = new Scene()
    const size = 200 * MiB + 5
    plant(scene.source, {
      'disk.img': {
        kind: 'sparse',
        size,
        at: [
          [70 * MiB, noise(MiB, 7)],
          [size - 3, Buffer.from('end')],
        ],
      },
    })
    const { sender } = await cross(scene, 'disk.img')
    expect(listing(scene.target)).toEqual(listing(scene.source))
    expect(statSync(`${scene.target}/disk.img`).blocks * 512).toBeLessThan(8 * MiB)
    expect(sender.last('summary').bytesOnWire).toBeLessThan(8 * MiB)
  })
})

describe('names', () => {
  it('R63: of any bytes survive, told apart by every byte', async () => {
    const scene = new Scene()
    mkdirSync(`${scene.source}/n`)
    const names = [
      Buffer.from([0x66, 0xff, 0xfe]), // No UTF-8.
      Buffer.from([0xe2, 0x82]), // Cut in the middle of a letter.
      Buffer.from('é'.normalize('NFC')),
      Buffer.from('é'.normalize('NFD')),
      Buffer.from('line\nbreak\ttab\u001b[31mred'),
      Buffer.from(' leading and trailing '),
      Buffer.from('-rf'),
      Buffer.from('con.txt:stream\\'),
      Buffer.from('x'.repeat(255)),
    ]
    for (const name of names) {
      writeFileSync(Buffer.concat([Buffer.from(`${scene.source}/n/`), name]), name)
    }
    const { receiver } = await cross(scene, 'n')
    expect(Object.keys(listing(scene.source))).toHaveLength(names.length + 1)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    expect(receiver.stderr).not.toContain('\u001b')
  })
})

describe('links', () => {
  const tree: Tree = {
    't/file': 'content',
    't/inside': link('file'),
    't/sub/up': link('../file'),
    't/outside': link('../../elsewhere'),
    't/absolute': link('/etc/hostname'),
    't/dangling': link('not-there'),
  }

  it('R64: that stay inside are kept, others are left out and listed, with code 0', async () => {
    const scene = new Scene()
    plant(scene.source, tree)
    const { sender } = await cross(scene, 't')
    expect(linksIn(scene.target)).toEqual({ 't/dangling': 'not-there', 't/inside': 'file', 't/sub/up': '../file' })
    expect(sender.all('file').map(({ path, outcome }) => [path, outcome])).toEqual([
      ['t/absolute', 'skipped'],
      ['t/outside', 'skipped'],
    ])
  })

  it('are all kept by --links keep-all, and none is followed', async () => {
    const scene = new Scene()
    plant(scene.source, tree)
    await cross(scene, 't', ['--links', 'keep-all'])
    expect(Object.keys(linksIn(scene.target))).toHaveLength(5)
  })

  it('are left out by --links skip', async () => {
    const scene = new Scene()
    plant(scene.source, tree)
    await cross(scene, 't', ['--links', 'skip'])
    expect(linksIn(scene.target)).toEqual({})
  })

  it('land as what they lead to by --links follow', async () => {
    const scene = new Scene()
    plant(scene.source, { 't/file': 'content', 't/again': link('file') })
    await cross(scene, 't', ['--links', 'follow'])
    expect(readFileSync(`${scene.target}/t/again`, 'utf8')).toBe('content')
    expect(linksIn(scene.target)).toEqual({})
  })

  function linksIn(path: string): Record<string, string> {
    const links = Object.entries(listing(path)).filter(([, text]) => text.startsWith('link to '))
    return Object.fromEntries(links.map(([name, text]) => [name, text.slice('link to '.length)]))
  }
})

describe('filters', () => {
  it('leave out what matches', async () => {
    const scene = new Scene()
    plant(scene.source, {
      't/keep.txt': '1',
      't/drop.tmp': '2',
      't/cache/a': '3',
      't/cache/b': '4',
      patterns: 'cache/\n',
    })
    await cross(scene, 't', ['--exclude', '*.tmp', '--exclude-from', `${scene.source}/patterns`])
    expect(Object.keys(listing(scene.target))).toEqual(['t', 't/keep.txt'])
  })

  it('R60: leave nothing else out but our own .carryon', async () => {
    const scene = new Scene()
    plant(scene.source, { 't/.git/config': 'x', 't/.carryon/root': 'y', 't/node_modules/.bin/z': 'z' })
    await cross(scene, 't')
    expect(Object.keys(listing(scene.target)).filter((name) => name.split('/').length > 2)).toEqual([
      't/.git/config',
      't/node_modules/.bin',
      't/node_modules/.bin/z',
    ])
  })
})

describe('what is there already', () => {
  it('and the same is skipped: a second run sends nothing', async () => {
    const scene = new Scene()
    plant(scene.source, album)
    await cross(scene, 'photos')
    const before = listing(scene.target)
    const { sender, receiver } = await cross(scene, 'photos')
    const { bytes, bytesSentThisRun, bytesOnWire, bytesReused, outcomes } = sender.last('summary')
    expect({ bytesSentThisRun, bytesReused }).toEqual({ bytesSentThisRun: 0, bytesReused: bytes })
    expect(outcomes).toEqual({ unchanged: 8 })
    expect(receiver.last('summary').outcomes).toEqual({ unchanged: 8 })
    expect(bytesOnWire).toBeLessThan(64 * 1024)
    expect(listing(scene.target)).toEqual(before)
    scene.expectClean(2)
  })

  it('and looks the same is compared by content with --checksum', async () => {
    const scene = new Scene()
    plant(scene.source, { 't/same': file(noise(MiB, 1), 0o644, 1e9), 't/other': file(noise(2 * MiB, 2), 0o644, 1e9) })
    plant(scene.target, { 't/same': file(noise(MiB, 1), 0o644, 1.5e9), 't/other': file(noise(2 * MiB, 3), 0o644, 1e9) })
    const { sender } = await cross(scene, 't', ['--checksum', '--on-conflict', 'replace'])
    expect(sender.last('summary')).toMatchObject({ bytesSentThisRun: 2 * MiB, bytesReused: MiB })
    expect(readFileSync(`${scene.target}/t/other`).equals(noise(2 * MiB, 2))).toBe(true)
  })

  const mine = file('from the sender', 0o644, 1_600_000_000)
  const older = file('an older one', 0o600, 1_500_000_000)
  const newer = file('a newer one', 0o600, 1_700_000_000)
  const source: Tree = { 't/new': mine, 't/old': mine, 't/young': mine }
  const target: Tree = { 't/old': older, 't/young': newer }

  it.each([
    ['keep', 0, { 't/new': 'from the sender', 't/old': 'an older one', 't/young': 'a newer one' }],
    ['replace', 0, { 't/new': 'from the sender', 't/old': 'from the sender', 't/young': 'from the sender' }],
    ['update', 0, { 't/new': 'from the sender', 't/old': 'from the sender', 't/young': 'a newer one' }],
    [
      'rename',
      0,
      {
        't/new': 'from the sender',
        't/old': 'an older one',
        't/old (2)': 'from the sender',
        't/young': 'a newer one',
        't/young (2)': 'from the sender',
      },
    ],
    ['fail', 13, { 't/new': 'from the sender', 't/old': 'an older one', 't/young': 'a newer one' }],
  ] as const)('R69: and differs follows --on-conflict %s, with code %d', async (policy, code, expected) => {
    const scene = new Scene()
    plant(scene.source, source)
    plant(scene.target, target)
    const receiver = scene.receive()
    const sender = scene.send('t', '--to', await receiver.ticket(), '--on-conflict', policy)
    expect([await sender.code(), await receiver.code()], sender.transcript + receiver.transcript).toEqual([code, code])
    expect(contents(scene.target)).toEqual(expected)
    expect(scene.leftovers('receiver')).toEqual([])
  })

  it('is said by name under the default, fail', async () => {
    const scene = new Scene()
    plant(scene.source, source)
    plant(scene.target, target)
    const receiver = scene.receive()
    const sender = scene.send('t', '--to', await receiver.ticket())
    expect(await sender.code()).toBe(13)
    expect(sender.stderr).toContain('t/old')
    expect(sender.stderr).toContain('t/young')
    expect(sender.last('exit')).toMatchObject({ code: 13, name: 'conflict' })
  })

  function contents(path: string): Record<string, string> {
    const files = Object.entries(listing(path)).filter(([, text]) => text.startsWith('file'))
    return Object.fromEntries(files.map(([name]) => [name, readFileSync(`${path}/${name}`, 'utf8')]))
  }
})
