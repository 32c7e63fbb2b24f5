// A corpus of hostile names: what is no name is refused, what is one lands under exactly these bytes inside the root, and
// nowhere else; on a disk that folds names and in a home folder, too.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { isTransferError } from '../../src/errors.ts'
import { decodeName, compareNames, type Path } from '../../src/model/names.ts'
import type { Entry } from '../../src/model/manifest.ts'
import { pathFromWire } from '../../src/wire/names.ts'
import { Scene, bothSucceed } from '../support/scene.ts'
import { scratchPath } from '../support/scratch.ts'
import { corpus, judged, type SpeltPath } from './evil-names.ts'
import { digestOf, fileEntry, hash, packOf, pageOf, seenBelow, Stage } from './evil.ts'

/** What the code under test makes of a path: its bytes, or the code of a typed error. */
function verdict(path: SpeltPath): Path | string {
  try {
    return pathFromWire(JSON.parse(JSON.stringify(path)))
  } catch (error) {
    if (!isTransferError(error)) throw error
    return error.code
  }
}

function expectJudged(path: SpeltPath): void {
  const components = judged(path)
  const found = verdict(path)
  if (components === undefined) expect(['bad-name', 'protocol'], JSON.stringify(path)).toContain(found)
  else expect(found, JSON.stringify(path)).toEqual(components.map(decodeName))
}

describe(`a corpus of ${corpus.length} hostile names`, () => {
  it('R60, R61: has at least 5,000, and each is taken as it is or refused', () => {
    expect(corpus.length).toBeGreaterThanOrEqual(5_000)
    for (const path of corpus) expectJudged(path)
  })

  it('R60, R63: so is any other path that chance makes', () => {
    const unit = fc.oneof(
      fc.constantFrom('.', '/', '\0', 'a', ' ', '\ud800', '\udc80', '\u00e9', '~'),
      fc.string({ unit: 'binary' }),
    )
    const piece = fc.oneof(
      fc.array(unit, { maxLength: 4 }).map((parts) => parts.join('')),
      fc.uint8Array({ maxLength: 6 }).map((raw) => ({ base64: Buffer.from(raw).toString('base64') })),
    )
    fc.assert(fc.property(fc.array(piece, { maxLength: 5 }), expectJudged), { numRuns: 20_000 })
  })

  it('R59, R60: what is accepted lands under its own bytes inside the root, and nowhere else', async () => {
    const paths = inWalkOrder(corpus.flatMap((path) => (judged(path) === undefined ? [] : [verdict(path) as Path])))
    const entries = paths.map((path, i) => fileEntry(path, String(i).length))
    const stage = new Stage('receiver')
    await deliver(stage, entries)
    expect((await stage.end()).code).toBe('none')
    const expected = entries.flatMap(({ path }, i): [string, string][] =>
      /^\.carryon[. ]*$/i.test(path[0]!) ? [] : [[path.map(latin1).join('/'), `file 644 ${i}`]],
    )
    const files = Object.entries(stage.received()).filter(([, what]) => what.startsWith('file'))
    expect(Object.fromEntries(files)).toEqual(Object.fromEntries(expected))
    console.log(
      `${corpus.length} names, ${corpus.length - paths.length} refused, doubled or in the way, ${files.length} landed`,
    )
  })
})

/** Each path once, and none inside of what another makes a file. */
function inWalkOrder(paths: readonly Path[]): Path[] {
  const all = [...new Map(paths.map((path) => [path.join('/'), path])).values()].toSorted(comparePaths)
  return all.filter((path, i) => {
    const next = all[i + 1]
    return next === undefined || !path.every((name, depth) => next[depth] === name)
  })
}

function comparePaths(a: Path, b: Path): number {
  const at = a.findIndex((name, i) => name !== b[i])
  return at === -1 || b[at] === undefined ? a.length - b.length : compareNames(a[at]!, b[at]!)
}

const latin1 = (name: string): string =>
  Array.from(name, (letter) => {
    const point = letter.codePointAt(0)!
    return point >= 0xdc80 && point <= 0xdcff
      ? String.fromCharCode(point - 0xdc00)
      : Buffer.from(letter).toString('latin1')
  }).join('')

/** Says the entries, each with its index as content, and ends in order. */
async function deliver(stage: Stage, entries: readonly Entry[]): Promise<void> {
  const peer = await stage.peer()
  const perPage = 500
  let previous = '0'.repeat(16)
  const totals = {
    entries: entries.length,
    bytes: entries.reduce((sum, entry) => sum + ('size' in entry ? entry.size : 0), 0),
  }
  for (let page = 0, first = 0; first < entries.length; page++, first += perPage) {
    const some = entries.slice(first, first + perPage)
    const last = first + perPage >= entries.length ? totals : undefined
    previous = digestOf(some, last, previous)
    peer.say(pageOf(some, { page, first, digest: previous, last }))
    await peer.untilThat(({ kind, pages }) => kind === 'want' && pages === page + 1)
  }
  for (let first = 0; first < entries.length; first += perPage) {
    const contents = entries.slice(first, first + perPage).map((_, i) => Buffer.from(String(first + i)))
    const rows = contents.map((content, i) => ({
      entry: first + i,
      revision: 0,
      length: content.length,
      hash: hash(content),
    }))
    peer.sayBytes(packOf(rows, Buffer.concat(contents)))
  }
  const settled = new Set<number>()
  await peer.untilThat((told) => {
    if (told.kind === 'acknowledge') for (const [entry] of told['outcomes'] as [number][]) settled.add(entry)
    if (told.kind === 'want')
      for (const want of told['wants'] as { need: string; from: number; count: number }[])
        if (want.need === 'done') for (let i = 0; i < want.count; i++) settled.add(want.from + i)
    return settled.size === entries.length
  })
  peer.say({ kind: 'end', manifest: previous, ...totals })
  await peer.until('receipt')
  peer.say({ kind: 'release' })
}

describe('a disk that takes names for the same (NTFS)', () => {
  const image = ntfs()
  if (image.whyNot !== undefined) console.log(`SKIPPED: names on NTFS: ${image.whyNot}`)

  it.skipIf(image.whyNot !== undefined)(
    'R62: no name silently replaces another, and what the disk cannot hold is left out by name',
    async () => {
      const target = image.mount()
      const scene = new Scene()
      const clashing = ['README', 'readme', 'Straße', 'STRASSE', 'A', 'a', 'DIR/x', 'dir/x', 'cafe\u0301', 'caf\u00e9']
      for (const name of [...clashing, 'b:c', 'tail.', 'plain', 'CON']) {
        mkdirSync(join(scene.source, name, '..'), { recursive: true })
        writeFileSync(join(scene.source, name), name)
      }
      writeFileSync(Buffer.concat([Buffer.from(`${scene.source}/no-utf8-`), Buffer.of(0xff)]), 'no-utf8')
      const receiver = scene.as('receiver', ['receive', target, '--listen', '127.0.0.1:0', '--on-conflict', 'replace'])
      const sender = scene.send(`${scene.source}/.`, '--to', await receiver.ticket())
      expect(await sender.code(), `${sender.transcript}\n${receiver.transcript}`).toBe(3)
      await receiver.ended
      const files = Object.values(seenBelow(target, ['.carryon'])).filter((what) => what.startsWith('file'))
      const contents = files.map((what) => Buffer.from(what.replace(/^file \d+ /, ''), 'latin1').toString())
      const firstOfEach = ['A', 'DIR/x', 'README', 'STRASSE', 'cafe\u0301', 'plain']
      expect(contents.toSorted()).toEqual(firstOfEach.toSorted())
    },
  )
})

/** An NTFS file system in a file, through FUSE, that folds names and refuses what Windows refuses. */
function ntfs(): { readonly whyNot: string | undefined; mount(): string } {
  const places = ['/sbin', '/usr/sbin', '/bin', '/usr/bin']
  const missing = ['mkfs.ntfs', 'lowntfs-3g'].find((tool) => !places.some((place) => existsSync(`${place}/${tool}`)))
  const isRoot = process.getuid?.() === 0
  const whyNot = !isRoot ? 'only root may mount' : !existsSync('/dev/fuse') ? 'no FUSE' : missing && `no ${missing}`
  return {
    whyNot,
    mount() {
      const path = scratchPath()
      const run = (name: string, ...args: string[]): unknown => execFileSync(name, args, { stdio: 'pipe' })
      run('truncate', '-s', '64M', `${path}/image`)
      run('mkfs.ntfs', '-Q', '-F', `${path}/image`)
      mkdirSync(`${path}/disk`)
      run('lowntfs-3g', '-o', 'ignore_case,windows_names,umask=022', `${path}/image`, `${path}/disk`)
      onTestFinished(() => void run('umount', `${path}/disk`))
      return `${path}/disk`
    },
  }
}

describe('a home folder', () => {
  it('R69: what programs obey is left out by name, everything else arrives', async () => {
    const scene = new Scene()
    const obeyed = ['.ssh/authorized_keys', '.bashrc', '.config/autostart/x.desktop', 'repo/.git/hooks/post-checkout']
    for (const name of [...obeyed, '.config/other', 'repo/.git/HEAD', 'notes']) {
      mkdirSync(join(scene.source, name, '..'), { recursive: true })
      writeFileSync(join(scene.source, name), name)
    }
    const receiver = scene.as('receiver', ['receive', scene.target, '--listen', '127.0.0.1:0'], {
      env: { HOME: scene.target },
    })
    const sender = scene.send(`${scene.source}/.`, '--to', await receiver.ticket())
    expect(await sender.code(), sender.transcript).toBe(3)
    await receiver.ended
    for (const name of obeyed) expect(existsSync(join(scene.target, name)), name).toBe(false)
    for (const name of ['.config/other', 'repo/.git/HEAD', 'notes'])
      expect(existsSync(join(scene.target, name)), name).toBe(true)
    rmSync(scene.target, { recursive: true })
    mkdirSync(scene.target)
    const elsewhere = scene.receive()
    await bothSucceed(scene.send(`${scene.source}/.`, '--to', await elsewhere.ticket()), elsewhere)
    for (const name of obeyed) expect(existsSync(join(scene.target, name)), name).toBe(true)
  })
})
