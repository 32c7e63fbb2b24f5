// Any bytes become a value or one typed error: 200,000 inputs made from golden ones, a third of them sealed again with the
// checksum that belongs to them, so that what lies behind it is reached. What once broke something is kept in corpus/ and
// comes first. CARRYON_FUZZ=1000000 makes more; the seed is printed, and CARRYON_SEED repeats it.

import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { isTransferError } from '../../src/errors.ts'
import { loadHash } from '../../src/hash/xxh64.ts'
import { decodeBase64, encodeBase64 } from '../../src/model/base64.ts'
import { headerBytes } from '../../src/model/limits.ts'
import { crc32, decodeTicket, encodeTicket, ticketPrefix } from '../../src/model/ticket.ts'
import { readHints } from '../../src/store/hints.ts'
import { readJournal } from '../../src/store/journal-file.ts'
import { openJournal } from '../../src/store/journal.ts'
import { MemoryDisk } from '../../src/store/memory-disk.ts'
import { decodeRecord, readFrame, recordHeaderBytes, recordLength } from '../../src/store/record-codec.ts'
import { Misfit } from '../../src/store/record-schema.ts'
import { readHeader, readPackRows } from '../../src/wire/frames.ts'
import { decodeEntries, encodeEntries } from '../../src/wire/manifest.ts'
import { decodeHello, decodeMessage, encodeMessage } from '../../src/wire/messages.ts'
import { seeded } from '../support/chance.ts'
import { asTheyWere, placed } from '../support/journals.ts'
import { mutated, mutatedJson } from './mutate.ts'

const inputs = Number(process.env['CARRYON_FUZZ'] ?? 200_000)
const seed = Number(process.env['CARRYON_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const hash = await loadHash()
const MiB = 1024 * 1024

const golden = (folder: string, ends: string): Buffer[] => {
  const at = new URL(`../../fixtures/${folder}/`, import.meta.url)
  return readdirSync(at).filter((name) => name.endsWith(ends)).map((name) => readFileSync(new URL(name, at)))
} // prettier-ignore

const messages = golden('wire', '.json')
const frames = golden('wire', '.bin')
const records = golden('journal/v1', '.record')
const journals = golden('journal/v1', '.journal')

/** A parser under fuzz. */
interface Target {
  /** Of all inputs. */
  readonly share: number
  readonly golden: readonly Uint8Array[]
  /** Puts the checksum right; the same bytes where there is none. */
  seal(bytes: Uint8Array): Uint8Array
  /** Parses; what it returns is said again and must come out the same. */
  parse(bytes: Uint8Array): unknown
  readonly isJson?: boolean
}

const asIs = (bytes: Uint8Array): Uint8Array => bytes
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

const targets: Readonly<Record<string, Target>> = {
  frame: {
    share: 0.3,
    golden: frames,
    seal(bytes) {
      if (bytes.length < headerBytes) return bytes
      const copy = Buffer.from(bytes)
      copy.writeBigUInt64LE(hash(Buffer.concat([copy.subarray(0, 8), copy.subarray(16, headerBytes)])), 8)
      return copy
    },
    parse(bytes) {
      const header = readHeader(bytes, hash)
      return header.kind === 'pack' ? readPackRows(bytes, header) : header
    },
  },
  message: {
    share: 0.35,
    golden: messages,
    seal: asIs,
    isJson: true,
    parse(bytes) {
      const message = decodeMessage(textOf(bytes))
      if (message.kind === 'skippable') return message
      const again = encodeMessage(message)
      expect(encodeMessage(decodeMessage(again))).toBe(again)
      return message
    },
  },
  hello: {
    share: 0.05,
    golden: messages.filter((text) => text.includes('"hello"')),
    seal: asIs,
    isJson: true,
    parse: (bytes) => decodeHello(textOf(bytes)),
  },
  entries: {
    share: 0.1,
    golden: messages.flatMap((text) => {
      const { entries } = JSON.parse(textOf(text)) as { entries?: unknown }
      return entries instanceof Array ? [Buffer.from(JSON.stringify(entries))] : []
    }),
    seal: asIs,
    isJson: true,
    parse(bytes) {
      const entries = decodeEntries(textOf(bytes))
      expect(decodeEntries(encodeEntries(entries))).toEqual(entries)
      return entries
    },
  },
  ticket: {
    share: 0.1,
    golden: golden('wire', '.txt').map((text) => Buffer.from(textOf(text).trim())),
    seal(bytes) {
      const body = decodeBase64(textOf(bytes).slice(ticketPrefix.length), 'url')
      if (body === undefined || body.length < 4) return bytes
      new DataView(body.buffer).setUint32(body.length - 4, crc32(body.subarray(0, body.length - 4)), true)
      return Buffer.from(ticketPrefix + encodeBase64(body, 'url'))
    },
    parse(bytes) {
      const ticket = decodeTicket(textOf(bytes))
      expect(decodeTicket(encodeTicket(ticket))).toEqual(ticket)
      return ticket
    },
  },
  record: {
    share: 0.1,
    golden: records,
    seal(bytes) {
      const length = recordLength(bytes)
      if (length === undefined || length > MiB) return bytes
      const copy = Buffer.alloc(length)
      copy.set(bytes.subarray(0, length - 8))
      copy.writeBigUInt64LE(hash(copy.subarray(0, length - 8)), length - 8)
      return copy
    },
    parse(bytes) {
      const frame = readFrame(bytes, hash)
      if (frame === undefined) return undefined
      expect(frame.payload.length).toBeLessThanOrEqual(bytes.length - recordHeaderBytes)
      try {
        return decodeRecord(frame, 'journal')
      } catch (error) {
        if (error instanceof Misfit || error instanceof SyntaxError) return undefined // What its caller takes for damage.
        throw error
      }
    },
  },
}

function parsesOrRefuses(name: string, bytes: Uint8Array): boolean {
  try {
    targets[name]!.parse(bytes)
    return true
  } catch (error) {
    if (isTransferError(error)) return false
    throw new Error(`${name}: untyped for ${Buffer.from(bytes).toString('base64')} (seed ${seed})`, { cause: error })
  }
}

describe('R70: whatever bytes come', () => {
  const corpus = new URL('corpus/', import.meta.url)
  it.each(readdirSync(corpus))('kept from earlier: %s', (name) => {
    parsesOrRefuses(name.split('.')[0]!, readFileSync(new URL(name, corpus)))
  })

  for (const [name, target] of Object.entries(targets)) {
    const count = Math.round(inputs * target.share)
    it(`${count} times a ${name}: a value or a typed error, in bounded memory`, () => {
      const chance = seeded(seed)
      const texts = target.golden.map(textOf)
      const before = process.memoryUsage().arrayBuffers
      let parsed = 0
      let most = 0
      for (let i = 0; i < count; i++) {
        const from = Math.floor(chance() * target.golden.length)
        const isText = target.isJson === true && chance() < 0.7
        const changed = isText
          ? Buffer.from(mutatedJson(texts[from]!, texts, chance))
          : mutated(target.golden[from]!, target.golden, chance)
        if (parsesOrRefuses(name, chance() < 0.35 ? target.seal(changed) : changed)) parsed++
        if (i % 1000 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers - before)
      }
      console.log(`${name}: ${count} inputs, ${parsed} taken, seed ${seed}`)
      expect(parsed, 'some get through, or nothing behind the first check was tried').toBeGreaterThan(0)
      expect(most).toBeLessThan(64 * MiB)
    })
  }

  it('a journal and its hints, opened: records, a torn tail, or typed damage', async () => {
    const chance = seeded(seed)
    const outcomes = { clean: 0, torn: 0, damaged: 0, refused: 0 }
    for (let i = 0; i < Math.round(inputs / 100); i++) {
      const bytes = mutated(journals[0]!, [...records, ...journals], chance)
      const { directory } = await placed(bytes, new MemoryDisk())
      try {
        const { tail } = await readJournal(directory, { hash })
        outcomes[tail]++
        await (await openJournal(directory, { hash, compact: asTheyWere })).journal.close()
      } catch (error) {
        if (!isTransferError(error)) throw new Error(`journal: untyped (seed ${seed}, input ${i})`, { cause: error })
        outcomes.refused++
      }
      await directory.rename('journal', directory, 'hints').catch(() => undefined)
      for await (const { revision } of readHints(directory, { hash })) expect(revision).toBeLessThan(65_536)
    }
    console.log(`journals: ${JSON.stringify(outcomes)}, seed ${seed}`)
    expect(outcomes.refused).toBeGreaterThan(0)
  })
})
