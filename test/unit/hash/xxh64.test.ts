// The hash is xxh64 as published, and what is built from it is what docs/protocol.md says.

import { beforeAll, describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { fileDigest, loadHash, SessionDigest, zerosHash, type DeliveredItem } from '../../../src/hash/xxh64.ts'
import { hex64, type Hash64 } from '../../../src/model/hash.ts'
import { encodeName } from '../../../src/model/names.ts'
import { hex, path, record } from '../../support/arbitrary.ts'
import { naiveXxh64 } from '../../support/naive-xxh64.ts'

let hash: Hash64
beforeAll(async () => void (hash = await loadHash()))

const bytesOf = (text: string) => new TextEncoder().encode(text)

describe('xxh64', () => {
  it.each([
    ['', 'ef46db3751d8e999'],
    ['a', 'd24ec4f1a98c6e5b'],
    ['abc', '44bc2cf5ad770999'],
    ['Nobody inspects the spammish repetition', 'fbcea83c8a378bf1'],
  ])('of %j is the published value', (text, digits) => {
    expect(hex64(hash(bytesOf(text)))).toBe(digits)
    expect(hex64(naiveXxh64(bytesOf(text)))).toBe(digits)
  })

  it('agrees with the naive one at every length up to 300, wherever the bytes lie', () => {
    const bytes = Uint8Array.from({ length: 310 }, (_, i) => (i * 197 + 31) & 255)
    for (let length = 0; length <= 300; length++) {
      const part = bytes.subarray(length % 9, (length % 9) + length)
      expect(hash(part), `length ${length}`).toBe(naiveXxh64(part))
    }
  })

  it('is loaded once', async () => {
    expect(await loadHash()).toBe(hash)
  })

  it('hashes large and small inputs in turn', () => {
    const large = new Uint8Array(3 * 2 ** 20).fill(7)
    const before = hash(large)
    expect(hex64(hash(bytesOf('abc')))).toBe('44bc2cf5ad770999')
    expect(hash(large)).toBe(before)
  })
})

describe('zeros', () => {
  it('have the hash of as many zero bytes, asked once or often, of any number of lengths', () => {
    const lengths = [0, 1, 31, 32, 65_536, 2 ** 20, ...Array.from({ length: 100 }, (_, i) => i)]
    for (const length of [...lengths, ...lengths]) expect(zerosHash(length, hash)).toBe(hash(new Uint8Array(length)))
  })

  it('of one hash are not those of another', () => {
    expect(zerosHash(5, () => 1n)).toBe(1n)
    expect(zerosHash(5, () => 2n)).toBe(2n)
  })
})

describe('file digest', () => {
  it('is xxh64 over the chunk hashes and the size, as u64 little endian', () => {
    const hashes = [0x0102030405060708n, 0xffffffffffffffffn]
    const bytes = [8, 7, 6, 5, 4, 3, 2, 1, ...Array<number>(8).fill(255), 9, 0, 0, 0, 0, 0, 16, 0]
    const expected = hex64(naiveXxh64(Uint8Array.from(bytes)))
    expect(fileDigest(hashes, 2 ** 52 + 9, hash)).toBe(expected)
    expect(fileDigest(BigUint64Array.from(hashes), 2 ** 52 + 9, hash)).toBe(expected)
  })

  it.each([1, 1023, 1024, 1025, 2048, 5000])('is the same piece by piece, of %i chunks', (chunks) => {
    const hashes = BigUint64Array.from({ length: chunks }, (_, i) => (BigInt(i) * 0x9e3779b97f4a7c15n) % 2n ** 64n)
    const bytes = new DataView(new ArrayBuffer(chunks * 8 + 8))
    hashes.forEach((value, i) => bytes.setBigUint64(i * 8, value, true))
    bytes.setBigUint64(chunks * 8, 77n, true)
    expect(fileDigest(hashes, 77, hash)).toBe(hex64(naiveXxh64(new Uint8Array(bytes.buffer))))
  })

  it('tells sizes and orders apart', () => {
    const digests = [
      fileDigest([1n, 2n], 9, hash),
      fileDigest([2n, 1n], 9, hash),
      fileDigest([1n, 2n], 10, hash),
      fileDigest([1n], 2, hash),
      fileDigest([], 0, hash),
    ]
    expect(new Set(digests).size).toBe(digests.length)
  })
})

describe('session digest', () => {
  const items: fc.Arbitrary<DeliveredItem[]> = fc.array(
    record({
      path,
      kind: fc.constantFrom('file' as const, 'directory' as const, 'link' as const),
      size: fc.maxSafeNat(),
      digest: fc.oneof(fc.constant(''), hex(16)),
    }),
    { maxLength: 20 },
  )

  /** One step, built from bytes. */
  function step(before: string, list: readonly DeliveredItem[]): string {
    const bytes = list.flatMap(({ path, kind, size, digest }) => [
      ...bytesOf(`${{ file: 'f', directory: 'd', link: 'l', omitted: 'o' }[kind]} ${size} ${digest || '-'} `),
      ...path.flatMap((name, i) => [...(i === 0 ? [] : [0x2f]), ...encodeName(name)]),
      0,
    ])
    return hex64(naiveXxh64(Uint8Array.from([...bytesOf(before), ...bytes])))
  }

  function digestOf(list: readonly DeliveredItem[]): string {
    const digest = new SessionDigest(hash)
    for (const item of list) digest.add(item)
    return digest.end()
  }

  it('is the documented one, whatever bytes the names have', () => {
    fc.assert(
      fc.property(items, (list) => {
        const expected = list.length === 0 ? '0'.repeat(16) : step('0'.repeat(16), list)
        expect(digestOf(list)).toBe(`xxh64c:${expected}`)
      }),
    )
  })

  it('goes on in steps of 1,024', () => {
    const list = Array.from({ length: 2500 }, (_, i): DeliveredItem => {
      return { path: ['dir', `file-${i}`], kind: 'file', size: i, digest: '0123456789abcdef' }
    })
    for (const count of [1023, 1024, 1025, 2048, 2500]) {
      let expected = '0'.repeat(16)
      for (let from = 0; from < count; from += 1024)
        expected = step(expected, list.slice(from, Math.min(count, from + 1024)))
      expect(digestOf(list.slice(0, count)), `${count} items`).toBe(`xxh64c:${expected}`)
    }
  })
})
