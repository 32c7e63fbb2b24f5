// What is done about each entry, by what is in its place and by policy: INTERFACE.md 4.1 as a table.

import { describe, expect, it } from 'vitest'
import { plans } from '../../../src/core/inputs.ts'
import { surveyPage } from '../../../src/engine/survey.ts'
import { NameRules } from '../../../src/engine/name-rules.ts'
import { digestOfFile } from '../../../src/engine/digest-of-file.ts'
import { loadHash } from '../../../src/hash/xxh64.ts'
import type { Directory } from '../../../src/model/disk.ts'
import type { Entry } from '../../../src/model/manifest.ts'
import type { ConflictPolicy } from '../../../src/model/session.ts'
import { MemoryDisk } from '../../../src/store/memory-disk.ts'
import { openTarget } from '../../../src/store/target.ts'

const hash = await loadHash()
const random = { bytes: (count: number) => new Uint8Array(count), fraction: () => 0 }
const chunkBytes = 16
const offered: Entry = { kind: 'file', path: ['a'], size: 5, mtimeUs: 1_000, mode: 0o644 }
const planNames = Object.entries(plans)

async function put(root: Directory, content: string, mtimeUs: number): Promise<void> {
  const file = await root.openFile('a', 'create')
  await file.write(Buffer.from(content), 0)
  await file.setTimes(mtimeUs)
}

const there = {
  nothing: async () => {},
  same: (root: Directory) => put(root, 'hello', 1_000),
  older: (root: Directory) => put(root, 'other content', 500),
  newer: (root: Directory) => put(root, 'other content', 2_000),
  folder: async (root: Directory) => void (await root.makeDirectory('a', 0o755)),
  link: async (root: Directory) => {
    await root.makeLink('a', 'elsewhere')
    await root.setLinkTimes('a', 1_000)
  },
}

async function survey(entry: Entry, what: keyof typeof there, onConflict: ConflictPolicy, existed?: readonly number[]) {
  const disk = new MemoryDisk()
  await there[what](await disk.openRoot('/dst'))
  const target = await openTarget(disk, '/dst', random)
  const tools = {
    target,
    shape: { onConflict, checksum: false },
    chunkBytes,
    names: new NameRules(target.traits, () => {}),
    hash,
  }
  const { survey: found, existed: now } = await surveyPage(0, 0, [entry], existed, tools)
  const plan = planNames.find(([, number]) => number === found.plans[0])![0]
  return { result: plan === 'done' ? found.outcomes[0]!.outcome : plan, existed: now }
}

describe('a file', () => {
  it.each<[ConflictPolicy, string, string, string, string, string, string]>([
    // policy, nothing, the same, an older, a newer, a folder, a link
    ['fail', 'link', 'unchanged', 'conflict', 'conflict', 'conflict', 'conflict'],
    ['keep', 'link', 'unchanged', 'kept', 'kept', 'kept', 'kept'],
    ['replace', 'link', 'unchanged', 'replace', 'replace', 'conflict', 'replace'],
    ['update', 'link', 'unchanged', 'replace', 'kept', 'conflict', 'kept'],
    ['rename', 'link', 'unchanged', 'rename', 'rename', 'rename', 'rename'],
  ])('under %s', async (policy, ...expected) => {
    const found: string[] = []
    for (const what of ['nothing', 'same', 'older', 'newer', 'folder', 'link'] as const)
      found.push((await survey(offered, what, policy)).result)
    expect(found).toEqual(expected)
  })

  it('with a digest is the same by content, whatever its time says', async () => {
    const disk = new MemoryDisk()
    const root = await disk.openRoot('/x')
    await put(root, 'hello', 0)
    const digest = await digestOfFile(chunkBytes, hash)(await root.openFile('a', 'read'), 5)
    expect((await survey({ ...offered, digest }, 'same', 'fail')).result).toBe('unchanged')
    expect((await survey({ ...offered, mtimeUs: 7, digest }, 'same', 'fail')).result).toBe('unchanged')
    expect((await survey({ ...offered, digest: '0'.repeat(16) }, 'same', 'fail')).result).toBe('conflict')
  })
})

describe('a folder', () => {
  const folder: Entry = { kind: 'directory', path: ['a'], mtimeUs: 0, mode: 0o755 }

  it('R116: keeps its mode if it was there before the session, and gets its own if the session made it', async () => {
    expect(await survey(folder, 'folder', 'fail')).toEqual({ result: 'unchanged', existed: [0] })
    expect(await survey(folder, 'folder', 'fail', [0])).toMatchObject({ result: 'unchanged' })
    expect(await survey(folder, 'folder', 'fail', [])).toEqual({ result: 'later', existed: [] })
    expect(await survey(folder, 'nothing', 'fail')).toEqual({ result: 'later', existed: [] })
  })

  it('is a conflict where a file or link is', async () => {
    expect((await survey(folder, 'same', 'replace')).result).toBe('conflict')
    expect((await survey(folder, 'link', 'replace')).result).toBe('conflict')
  })
})

describe('a link', () => {
  const same: Entry = { kind: 'link', path: ['a'], target: 'elsewhere', mtimeUs: 1_000 }

  it('is unchanged if it was there before the session, with the same text and time, and else made at the end', async () => {
    expect(await survey(same, 'link', 'fail')).toEqual({ result: 'unchanged', existed: [0] })
    expect(await survey(same, 'link', 'fail', [0])).toMatchObject({ result: 'unchanged' })
    expect(await survey({ ...same, target: 'there' }, 'link', 'fail')).toEqual({ result: 'later', existed: [] })
    expect((await survey({ ...same, mtimeUs: 1_001 }, 'link', 'fail')).result).toBe('later')
    for (const what of ['nothing', 'same', 'folder'] as const)
      expect((await survey(same, what, 'replace')).result).toBe('later')
  })

  it('that this session made is found again, and not unchanged', async () => {
    expect(await survey(same, 'link', 'fail', [])).toEqual({ result: 'later', existed: [] })
  })

  it('whose folder is refused is met at the end', async () => {
    expect((await survey({ ...same, path: ['a', 'b'] }, 'link', 'fail')).result).toBe('later')
  })
})

it('what lies in a file or behind a link is a conflict, and nothing is followed', async () => {
  const inside: Entry = { ...offered, path: ['a', 'b'] }
  expect((await survey(inside, 'same', 'replace')).result).toBe('conflict')
  expect((await survey(inside, 'link', 'replace')).result).toBe('conflict')
})

it.each(['.carryon', '.CarryOn'])('R60: %s at the root is never received', async (name) => {
  expect((await survey({ ...offered, path: [name] }, 'nothing', 'replace')).result).toBe('omitted')
})

it.each([
  ['special', 'skipped'],
  ['link-outside', 'skipped'],
  ['link-skipped', 'skipped'],
  ['unreadable', 'omitted'],
  ['bad-name', 'omitted'],
  ['vanished', 'vanished'],
] as const)('what the sender omitted as %s is %s', async (reason, outcome) => {
  expect((await survey({ kind: 'omitted', path: ['a'], reason }, 'nothing', 'fail')).result).toBe(outcome)
})
