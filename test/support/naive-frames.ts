// Data frames built byte by byte from the tables of docs/protocol.md: the codec that src/wire/frames.ts is compared with.

import type { Hash64 } from '../../src/model/hash.ts'
import type { FrameHeader, PackRow } from '../../src/model/messages.ts'

type Field = readonly [size: number, value: number | bigint]

const kindNumbers = { chunk: 1, pack: 2, zeros: 3 }

export function naiveHeader(header: FrameHeader, hash: Hash64): Uint8Array {
  const front = fields([
    [1, kindNumbers[header.kind]],
    [1, 0],
    [2, header.revision],
    [4, header.epoch],
  ])
  const back = fields([
    [4, header.kind === 'pack' ? header.files : header.entry],
    [4, header.kind === 'pack' ? header.tableBytes : header.chunk],
    [8, header.hash],
  ])
  return Uint8Array.from([...front, ...fields([[8, hash(Uint8Array.from([...front, ...back]))]]), ...back])
}

export function naiveRow(row: PackRow): Uint8Array {
  return fields([
    [4, row.entry],
    [2, row.revision],
    [2, 0],
    [4, row.length],
    [4, 0],
    [8, row.hash],
  ])
}

/** A whole pack of these files. */
export function naivePack(
  epoch: number,
  files: readonly { entry: number; revision: number; bytes: Uint8Array }[],
  hash: Hash64,
): Uint8Array {
  const rows = files.map(({ entry, revision, bytes }) =>
    naiveRow({ entry, revision, length: bytes.length, hash: hash(bytes) }),
  )
  const payload = Uint8Array.from([...rows, ...files.map((file) => file.bytes)].flatMap((part) => [...part]))
  const header = {
    kind: 'pack',
    epoch,
    revision: 0,
    files: files.length,
    tableBytes: files.length * 24,
    hash: hash(payload),
  } as const
  return Uint8Array.from([...naiveHeader(header, hash), ...payload])
}

function fields(list: readonly Field[]): Uint8Array {
  return Uint8Array.from(
    list.flatMap(([size, value]) =>
      Array.from({ length: size }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 255n)),
    ),
  )
}
