// What is wrong with what a peer sent is said, not only that something is: the sentence is all that whoever wrote the peer
// has to go by.

import { describe, expect, it } from 'vitest'
import { loadHash } from '../../../src/hash/xxh64.ts'
import { chunkBytesRange, chunksMax, entriesMax, headerBytes, packRowBytes } from '../../../src/model/limits.ts'
import { readHeader, readPackRows, writeHeader, writePackRow } from '../../../src/wire/frames.ts'
import { parseJson } from '../../../src/wire/json.ts'
import { entriesFromWire } from '../../../src/wire/manifest.ts'
import { decodeHello, decodeMessage } from '../../../src/wire/messages.ts'
import { linkTargetFromWire, nameFromWire, pathFromWire } from '../../../src/wire/names.ts'
import { decodeOpening } from '../../../src/wire/opening.ts'
import { outcomesFromWire } from '../../../src/wire/outcomes.ts'
import { changed } from '../../support/golden-messages.ts'

const hash = await loadHash()
const part = { need: 'part', from: 0, revision: 0, durable: [], received: [] }

function whyOf(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    return (error as { details: { why: string } }).details.why
  }
  return 'it was taken'
}

/** A frame of so many bytes behind its header, changed, and its header's hash made right again. */
function frame(payloadBytes: number, change: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(headerBytes + payloadBytes)
  writeHeader(bytes, 0, { kind: 'chunk', epoch: 1, revision: 0, entry: 0, chunk: 0, hash: 7n }, hash)
  const view = new DataView(bytes.buffer)
  change(view)
  view.setBigUint64(8, hash(Uint8Array.from([...bytes.subarray(0, 8), ...bytes.subarray(16, headerBytes)])), true)
  return bytes
}

function pack(files: number, tableBytes: number): (view: DataView) => void {
  return (view) => {
    view.setUint8(0, 2)
    view.setUint32(16, files, true)
    view.setUint32(20, tableBytes, true)
  }
}

describe('of a data frame', () => {
  it.each<[string, Uint8Array]>([
    ['a data frame is shorter than its header', new Uint8Array(headerBytes - 1)],
    ['the header of a data frame is damaged', new Uint8Array(headerBytes)],
    ['a data frame has unknown kind 9', frame(0, (view) => view.setUint8(0, 9))],
    ['a data frame has unknown flags', frame(0, (view) => view.setUint8(1, 1))],
    [`a data frame carries more than ${chunkBytesRange.max} bytes`, frame(chunkBytesRange.max + 1, () => {})],
    [`a data frame names entry ${entriesMax}`, frame(0, (view) => view.setUint32(16, entriesMax, true))],
    ['a frame of zeros carries bytes', frame(1, (view) => view.setUint8(0, 3))],
    [
      'the header of a pack names a revision',
      frame(packRowBytes, (view) => {
        pack(1, packRowBytes)(view)
        view.setUint16(2, 1, true)
      }),
    ],
    ['a pack holds no file', frame(packRowBytes, pack(0, 0))],
    ['the table of a pack does not fit it', frame(packRowBytes, pack(1, packRowBytes - 1))],
    ['the table of a pack does not fit it', frame(packRowBytes - 1, pack(1, packRowBytes))],
  ])('%s', (why, bytes) => {
    expect(whyOf(() => readHeader(bytes, hash))).toBe(why)
  })

  it.each<[string, number, (view: DataView) => void]>([
    ['the files of a pack do not fill it exactly', 0, (view) => view.setUint32(8, 2, true)],
    [`a pack names entry ${entriesMax}`, entriesMax, () => {}],
    ['the table of a pack has something where zeros belong', 0, (view) => view.setUint16(6, 256, true)],
    ['the table of a pack has something where zeros belong', 0, (view) => view.setUint32(12, 1, true)],
  ])('%s', (why, entry, change) => {
    const bytes = frame(packRowBytes + 1, pack(1, packRowBytes))
    writePackRow(bytes, headerBytes, { entry, revision: 0, length: 1, hash: 7n })
    change(new DataView(bytes.buffer, headerBytes))
    const header = { kind: 'pack', epoch: 1, revision: 0, files: 1, tableBytes: packRowBytes, hash: 7n } as const
    expect(whyOf(() => readPackRows(bytes, header))).toBe(why)
  })
})

describe('of a message', () => {
  it.each<[string, string]>([
    ['a message is not JSON', '{'],
    ['a message is not an object', '[]'],
    ['a message is not an object', '7'],
    ['a message has no kind', '{"kind":1}'],
    [`it sent a message of unknown kind "${'x'.repeat(64)}"`, JSON.stringify({ kind: 'x'.repeat(99) })],
    [`a message is longer than ${2 ** 20} bytes`, `"${'x'.repeat(2 ** 20)}"`],
    ['in "ping", number: Invalid input: expected number, received string', changed('ping', { number: '7' })],
    [
      'in "want", wants.0.durable: runs overlap, touch or are out of order',
      changed('want.part', {
        wants: [
          {
            ...part,
            durable: [
              [0, 2],
              [1, 2],
            ],
          },
        ],
      }),
    ],
    [
      'in "want", wants.0.durable.0: too long',
      changed('want.part', { wants: [{ ...part, durable: [[7, chunksMax - 6]] }] }),
    ],
    [
      `in "want", wants: a run of entries passes ${entriesMax}`,
      changed('want.part', { wants: [{ need: 'later', from: 7, count: entriesMax - 6 }] }),
    ],
    ['in "hashes", the whole: too long', changed('hashes.ask', { first: chunksMax - 1, count: 2 })],
    ['in "acknowledge", places.0: too long', changed('acknowledge', { places: [[0, 0, 7, chunksMax - 6]] })],
    ['in "hashes", hashes: expected 16 hex digits a chunk', changed('hashes.answer', { hashes: 'x' })],
  ])('%s', (why, text) => {
    expect(whyOf(() => decodeMessage(text))).toBe(why)
  })

  it('a first message is longer than 65536 bytes', () => {
    expect(whyOf(() => decodeHello(`"${'x'.repeat(65_536)}"`))).toBe('a first message is longer than 65536 bytes')
  })
})

describe('of an entry, its name or its outcome', () => {
  const file = (...fields: unknown[]): unknown =>
    ['f', ['a'], 1, 2, 0o644].toSpliced(fields[0] as number, 1, fields[1] as string)
  it.each<[string, (value: unknown) => unknown, unknown]>([
    ['the entries are not a list', entriesFromWire, {}],
    ['an entry is not a list', entriesFromWire, [{}]],
    ['an entry is of no known kind', entriesFromWire, [['x', ['a']]]],
    ['an entry has too few or too many fields', entriesFromWire, [['d', ['a'], 1]]],
    [`the size of an entry is not a count of at most ${2 ** 52} bytes`, entriesFromWire, [file(2, -1)]],
    ['the time of an entry is not a safe integer', entriesFromWire, [file(3, 0.5)]],
    ['the mode of an entry is not nine permission bits', entriesFromWire, [file(4, 0o1000)]],
    ['an entry is left out for no known reason', entriesFromWire, [['o', ['a'], 'because']]],
    ['the digest of an entry is not 16 hex digits', entriesFromWire, [['f', ['a'], 1, 2, 0o644, 'x']]],
    ['the digest of an entry is not 16 hex digits', entriesFromWire, [['f', ['a'], 1, 2, 0o644, ['0123456789abcdef']]]],
    ['a path is not a list of names', pathFromWire, 'a/b'],
    ['a name is neither text nor base64', nameFromWire, null],
    ['a name is neither text nor base64', nameFromWire, { base64: 7 }],
    ['the base64 of a name is damaged', nameFromWire, { base64: '!' }],
    ['it is text, but came as base64', nameFromWire, { base64: 'YQ==' }],
    ['it holds half a character', nameFromWire, 'a\ud800'],
    ['it is deeper than 128 levels', pathFromWire, Array(129).fill('a')],
    ['the link points nowhere', linkTargetFromWire, ''],
    ['the link holds a NUL', linkTargetFromWire, 'a\0'],
    ['the link has more than 4095 bytes', linkTargetFromWire, 'x'.repeat(4_096)],
    ['the outcomes are not a list', outcomesFromWire, {}],
    ['a message has more than 512 outcomes', outcomesFromWire, Array(513).fill([0, 'failed', 0])],
    ['an outcome is not a list of 3 to 6 fields', outcomesFromWire, [{ length: 3 }]],
    ['an outcome is not a list of 3 to 6 fields', outcomesFromWire, [[0, 'failed']]],
    ['an outcome is not a list of 3 to 6 fields', outcomesFromWire, [[0, 'failed', 0, null, null, null, 0]]],
    ['an outcome is of no entry', outcomesFromWire, [['0', 'failed', 0]]],
    ['an outcome is of no entry', outcomesFromWire, [[-1, 'failed', 0]]],
    ['an outcome is of no entry', outcomesFromWire, [[entriesMax, 'failed', 0]]],
    ['an outcome is of no known kind', outcomesFromWire, [[0, 'lost', 0]]],
    ['an outcome is of no known kind', outcomesFromWire, [[0, ['failed'], 0]]],
    ['the bytes of an outcome are no count', outcomesFromWire, [[0, 'failed', 0.5]]],
    ['the bytes of an outcome are no count', outcomesFromWire, [[0, 'failed', -1]]],
    ['the digest of an outcome is not 16 hex digits', outcomesFromWire, [[0, 'failed', 0, 'x']]],
    ['the digest of an outcome is not 16 hex digits', outcomesFromWire, [[0, 'failed', 0, ['0123456789abcdef']]]],
    [
      'the reason of an outcome is not a text of at most 1000 characters',
      outcomesFromWire,
      [[0, 'failed', 0, null, null, []]],
    ],
  ])('%s', (why, decode, value) => {
    expect(whyOf(() => decode(value))).toBe(why)
  })
})

it('of what comes over a pipe', () => {
  expect(whyOf(() => decodeOpening('{'))).toBe('a message is not JSON')
  expect(whyOf(() => decodeOpening('{}'))).toBe('what it says before the connection begins has another form')
  expect(whyOf(() => parseJson('{'))).toBe('a message is not JSON')
})
