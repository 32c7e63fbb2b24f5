// Session directories: born whole or not at all, buried, removed, and never anybody else's files.

import * as fs from 'node:fs'
import { overridden } from '../../support/overridden.ts'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadHash } from '../../../src/hash/xxh64.ts'
import type { Directory } from '../../../src/model/disk.ts'
import type { HeaderRecord, JournalRecord } from '../../../src/model/records.ts'
import { openJournal, type JournalTools } from '../../../src/store/journal.ts'
import { readJournal } from '../../../src/store/journal-file.ts'
import { takeLock, type Locker } from '../../../src/store/lock.ts'
import { MemoryDisk } from '../../../src/store/memory-disk.ts'
import { nodeDisk } from '../../../src/store/node-disk.ts'
import { readReceipt, writeReceipt } from '../../../src/store/receipts.ts'
import {
  bury,
  createSession,
  holdSession,
  listSessions,
  openParts,
  removeLeftovers,
  removeSession,
} from '../../../src/store/session-directory.ts'
import { forgetTarget, listTargets, noteTarget, openState } from '../../../src/store/state-directory.ts'
import { expectCode } from '../../conformance/disk-suite.ts'
import { goldenRecords } from '../../support/golden-records.ts'
import { scratch, scratchPath } from '../../support/scratch.ts'
import { asTheyWere } from '../../support/journals.ts'

let tools: JournalTools
let reading: { readonly hash: JournalTools['hash']; readonly read: () => Kept }
beforeAll(async () => {
  tools = { hash: await loadHash(), compact: asTheyWere }
  reading = { hash: tools.hash, read: () => new Kept() }
})

const header = goldenRecords[0] as HeaderRecord
const id = header.session
const locker: Locker = (directory) => takeLock(directory, async () => 'here')
const request = (records: readonly JournalRecord[] = [header]) => ({
  records,
  tools,
  withParts: true,
  parents: [],
  locker,
})

/** Keeps every record. */
class Kept {
  readonly records: JournalRecord[] = []
  take(record: JournalRecord): void {
    this.records.push(record)
  }
}

describe('a new session', () => {
  it('is held, private and whole', async () => {
    const base = await scratch()
    const held = await createSession(base, id, request())
    expect(held.directory.label).toBe(`${base.label}/${id}`)
    expect(await held.directory.list()).toEqual(['journal', 'lock.1', 'manifest', 'parts'])
    expect((await base.stat(id))?.mode).toBe(0o700)
    expect(await holdSession(base, id, locker)).toBeUndefined()
    await expectCode('already-exists', createSession(base, id, request()))
    await held.close()
    const again = (await holdSession(base, id, locker))!
    expect((await openJournal(again.directory, tools)).records).toEqual([header])
    await again.close()
  })

  it('R5: is there whole or not at all, whatever step the power is cut at', async () => {
    let whole = 0
    for (let step = 0; whole === 0; step++) {
      const disk = new MemoryDisk()
      const base = await disk.openRoot('/in/.carryon')
      const parents = [await disk.openRoot('/in')]
      disk.cutPowerAfter(step)
      const memory = { ...request(), parents, locker: (each: Directory) => disk.takeLock(each) }
      const isMade = await createSession(base, id, memory).then(
        () => true,
        () => false,
      )
      const after = disk.crash()
      const left = await after.openRoot('/in/.carryon')
      const sessions = await listSessions(left, reading)
      if (isMade) whole++
      if (isMade) expect(sessions).toHaveLength(1)
      await removeLeftovers(left, (each) => after.takeLock(each), Infinity)
      expect(await left.list(), `step ${step}`).toEqual(sessions.map((each) => each.id))
      for (const session of sessions) {
        expect(session).toMatchObject({ journal: { said: { records: [header] }, tail: 'clean' } })
        expect(await (await left.openDirectory(id)).list()).toEqual(['journal', 'manifest', 'parts'])
      }
    }
  })

  it('takes the place of a leftover of its own name', async () => {
    const base = await scratch()
    fs.mkdirSync(join(base.label, `new-${id}`, 'parts'), { recursive: true })
    fs.writeFileSync(join(base.label, `new-${id}`, 'journal'), 'half')
    await (await createSession(base, id, request())).close()
    expect(await base.list()).toEqual([id])
  })

  it('has one maker of ten', async () => {
    const base = await scratch()
    const all = await Promise.allSettled(Array.from({ length: 10 }, () => createSession(base, id, request())))
    const made = all.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    expect(made).toHaveLength(1)
    expect((await listSessions(base, reading)).map((each) => each.id)).toEqual([id])
    await made[0]!.close()
  })

  it('is made once, however late others come to make it', async () => {
    // Who looked before it was there, and makes it when it is: `new-<id>` is free again, and must not stay behind.
    const base = await scratch()
    let looks = 0
    const late = overridden(base, { stat: async (name) => (++looks === 1 ? undefined : base.stat(name)) })
    const held = await createSession(base, id, request())
    await expectCode('already-exists', createSession(late, id, request()))
    expect(await base.list()).toEqual([id])
    await held.close()
  })
})

describe('listing', () => {
  it('finds only what carries our marker, and says why another cannot be read', async () => {
    const base = await scratch()
    await (await createSession(base, id, request())).close()
    const other = (digit: string) => digit.repeat(32)
    fs.mkdirSync(join(base.label, other('a')))
    fs.writeFileSync(join(base.label, other('b')), '')
    fs.symlinkSync(id, join(base.label, other('c')))
    fs.cpSync(join(base.label, id), join(base.label, other('d')), { recursive: true }) // Another's name in its header.
    fs.mkdirSync(join(base.label, 'photos'))
    const [only, ...more] = await listSessions(base, reading)
    expect(more).toMatchObject([{ id: other('d'), journal: { code: 'journal-foreign' } }])
    expect(only).toMatchObject({
      id,
      label: `${base.label}/${id}`,
      journal: { said: { records: [header] }, tail: 'clean' },
    })

    const journal = join(base.label, id, 'journal')
    const bytes = fs.readFileSync(journal)
    bytes[8] = 9
    bytes.writeBigUInt64LE(tools.hash(bytes.subarray(0, 16)), 16)
    fs.writeFileSync(journal, bytes)
    expect((await listSessions(base, reading))[0]).toMatchObject({ id, journal: { code: 'journal-version' } })
  })
})

describe('the end of a session', () => {
  it('leaves a tombstone, and nothing of the data', async () => {
    const base = await scratch()
    const held = await createSession(base, id, request())
    const parts = await openParts(held.directory)
    await parts.write(0, 0, Buffer.from('x'))
    await parts.close()
    const ended: JournalRecord = { kind: 'ended', how: 'discarded', by: 'self', at: 1 }
    for (let i = 0; i < 2; i++) await bury(held.directory, [header, ended], tools.hash)
    expect(await held.directory.list()).toEqual(['journal', 'lock.1'])
    expect((await readJournal(held.directory, tools)).records).toEqual([header, ended])
    await held.close()
  })

  it('buries a damaged one, too', async () => {
    const base = await scratch()
    const held = await createSession(base, id, request())
    fs.writeFileSync(join(held.directory.label, 'journal'), 'rubbish')
    await bury(held.directory, [header], tools.hash)
    expect(await held.directory.list()).toEqual(['journal', 'lock.1'])
    await held.close()
  })

  it('R30: removes what is ours, and follows no link', async () => {
    const base = await scratch()
    const outside = scratchPath()
    fs.writeFileSync(join(outside, '7'), 'precious')
    const held = await createSession(base, id, request())
    fs.symlinkSync(outside, join(held.directory.label, 'parts', '5'))
    fs.symlinkSync(join(outside, '7'), join(held.directory.label, 'hints'))
    await removeSession(base, held)
    expect(await base.list()).toEqual([])
    expect(fs.readFileSync(join(outside, '7'), 'utf8')).toBe('precious')
  })

  it('R30: leaves a foreign file in it where it is', async () => {
    const base = await scratch()
    const held = await createSession(base, id, request())
    fs.writeFileSync(join(held.directory.label, 'thesis.doc'), 'mine')
    await removeSession(base, held)
    expect(fs.readdirSync(join(base.label, `old-${id}`))).toEqual(['thesis.doc'])
  })

  it('R30: a leftover that a live process is at stays', async () => {
    const base = await scratch()
    fs.mkdirSync(join(base.label, `new-${id}`))
    const directory = await base.openDirectory(`new-${id}`)
    const lock = (await takeLock(directory, async () => undefined))!
    await removeLeftovers(base, locker, Infinity)
    expect(await base.list()).toEqual([`new-${id}`])
    await lock.release()
    await removeLeftovers(base, locker, Infinity)
    expect(await base.list()).toEqual([])
    await directory.close()
  })
})

describe('the state directory', () => {
  it('is made 0700 with what is missing above it, and refused where others may write', async () => {
    const path = join(scratchPath(), '.local', 'state', 'carryon')
    await (await openState(nodeDisk, path)).close()
    await (await openState(nodeDisk, path)).close()
    expect(fs.statSync(path).mode & 0o777).toBe(0o700)
    fs.chmodSync(path, 0o722)
    await expectCode('state-unsafe', openState(nodeDisk, path))
  })

  it('keeps notes of targets', async () => {
    const state = await scratch()
    expect(await listTargets(state)).toEqual([])
    await noteTarget(state, { id, path: '/home/you/in' })
    await noteTarget(state, { id, path: '/home/you/ïn' })
    expect(await listTargets(state)).toMatchObject([{ id, path: '/home/you/ïn' }])
    await forgetTarget(state, id)
    await forgetTarget(state, id)
    expect(await listTargets(state)).toEqual([])
  })

  it('keeps receipts, 0600 in 0700, and takes nothing else for one', async () => {
    const state = await scratch()
    const record = goldenRecords.find((each) => each.kind === 'receipt')!
    expect(await readReceipt(state, id)).toBeUndefined()
    for (let i = 0; i < 2; i++) await writeReceipt(state, record.receipt)
    expect(await readReceipt(state, id)).toEqual(record.receipt)
    const file = join(state.label, 'receipts', `${id}.json`)
    expect([fs.statSync(file).mode & 0o777, fs.statSync(join(state.label, 'receipts')).mode & 0o777]).toEqual([
      0o600, 0o700,
    ])
    expect(fs.readdirSync(join(state.label, 'receipts'))).toEqual([`${id}.json`])
    for (const text of ['', '{}', 'null', '},"kind":{']) {
      fs.writeFileSync(file, text)
      expect(await readReceipt(state, id)).toBeUndefined()
    }
  })
})
