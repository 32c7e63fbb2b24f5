// Protocol v1, frozen: today's decoder reads every file of fixtures/wire/ as what it was written for, and today's encoder
// still writes exactly these bytes. Files are only ever added.

import { readFileSync, readdirSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadHash } from '../../src/hash/xxh64.ts'
import { hex64, type Hash64 } from '../../src/model/hash.ts'
import type { ManifestMessage } from '../../src/model/messages.ts'
import { decodeTicket, encodeTicket } from '../../src/model/ticket.ts'
import { readHeader, readPackRows, writeHeader, writePackRow, type PackHeader } from '../../src/wire/frames.ts'
import { digestInput, encodeEntries } from '../../src/wire/manifest.ts'
import { decodeMessage, encodeMessage } from '../../src/wire/messages.ts'
import { goldenChunk, goldenPack, goldenTicket, goldenZeros } from '../support/golden-frames.ts'
import { golden } from '../support/golden-messages.ts'

const folder = new URL('../../fixtures/wire/', import.meta.url)
const bytesOf = (file: string) => new Uint8Array(readFileSync(new URL(file, folder)))
const textOf = (file: string) => readFileSync(new URL(file, folder), 'utf8')

let hash: Hash64
beforeAll(async () => void (hash = await loadHash()))

describe('messages', () => {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'))

  it('every golden message has its file and every file its message', () => {
    expect(files.toSorted()).toEqual(
      Object.keys(golden)
        .map((name) => `${name}.json`)
        .toSorted(),
    )
  })

  it.each(files)('%s is read and written as ever', (file) => {
    const message = golden[file.replace(/\.json$/, '')]!
    expect(decodeMessage(textOf(file))).toStrictEqual(message)
    expect(encodeMessage(message)).toBe(textOf(file))
  })

  it('the running digests of the manifest are what they were', () => {
    let digest = '0'.repeat(16)
    for (const name of ['manifest', 'manifest.names', 'manifest.last']) {
      const message = golden[name]!
      if (message.kind !== 'manifest') throw new Error(`${name} is no manifest`)
      digest = hex64(hash(new TextEncoder().encode(digestInput(digest, encodeEntries(message.entries), message.last))))
      expect(message.digest, name).toBe(digest)
    }
  })
})

describe('data frames', () => {
  it('a chunk is read and written as ever', () => {
    const frame = bytesOf('frame.chunk.bin')
    expect(readHeader(frame, hash)).toStrictEqual(goldenChunk.header)
    expect(new TextDecoder().decode(frame.subarray(32))).toBe(goldenChunk.payload)
    expect(hash(frame.subarray(32))).toBe(goldenChunk.header.hash)
    const written = frame.slice().fill(0, 0, 32)
    writeHeader(written, 0, goldenChunk.header, hash)
    expect(written).toEqual(frame)
  })

  it('zeros are read and written as ever', () => {
    const frame = bytesOf('frame.zeros.bin')
    expect(readHeader(frame, hash)).toStrictEqual(goldenZeros)
    expect(hash(new Uint8Array(2 ** 20))).toBe(goldenZeros.hash)
    const written = new Uint8Array(32)
    writeHeader(written, 0, goldenZeros, hash)
    expect(written).toEqual(frame)
  })

  it('a pack is read and written as ever', () => {
    const frame = bytesOf('frame.pack.bin')
    const header = readHeader(frame, hash) as PackHeader
    expect(header).toStrictEqual(goldenPack.header)
    expect(readPackRows(frame, header)).toStrictEqual(goldenPack.rows)
    expect(new TextDecoder().decode(frame.subarray(32 + header.tableBytes))).toBe(goldenPack.bytes)
    expect(hash(frame.subarray(32))).toBe(header.hash)
    const written = frame.slice().fill(0xff, 0, 32 + header.tableBytes)
    goldenPack.rows.forEach((row, i) => writePackRow(written, 32 + i * 24, row))
    writeHeader(written, 0, header, hash)
    expect(written).toEqual(frame)
  })
})

describe('docs/protocol.md', () => {
  const page = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8')

  it('shows the bytes of the fixtures', () => {
    const example = page.slice(page.indexOf('### A worked example'), page.indexOf('## Hashes and digests'))
    const blocks = [...example.matchAll(/^```\n(.*?)^```$/gms)].map(([, block]) => hexOf(block!))
    expect(blocks).toEqual(
      ['frame.chunk.bin', 'frame.pack.bin'].map((file) => Buffer.from(bytesOf(file)).toString('hex')),
    )
  })

  it('shows the running digests of the fixtures', () => {
    for (const name of ['manifest', 'manifest.names', 'manifest.last'])
      expect(page).toContain(`\`${(golden[name] as ManifestMessage).digest}\``)
  })

  /** The bytes at the beginning of each line; what follows three spaces is a remark. */
  function hexOf(block: string): string {
    const lines = block.trim().split('\n')
    return lines.map((line) => line.split('   ')[0]!.replaceAll(' ', '')).join('')
  }
})

describe('tickets', () => {
  it('a ticket is read and written as ever', () => {
    expect(decodeTicket(textOf('ticket.txt'))).toStrictEqual(goldenTicket)
    expect(encodeTicket(goldenTicket)).toBe(textOf('ticket.txt'))
  })
})
