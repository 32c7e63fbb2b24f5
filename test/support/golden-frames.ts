// What the data frames and the ticket of fixtures/wire/ say. docs/protocol.md shows the same bytes.

import type { FrameHeader, PackRow } from '../../src/model/messages.ts'
import type { Ticket } from '../../src/model/ticket.ts'

/** The whole of `photos/note.txt`. */
export const goldenChunk: { readonly header: FrameHeader; readonly payload: string } = {
  header: { kind: 'chunk', revision: 0, entry: 1, chunk: 0, epoch: 3, hash: 0xe8a08f8fb88f9732n },
  payload: 'carry on\n',
}

/** A hole of one chunk of 1 MiB in `photos/film.mkv`. */
export const goldenZeros: FrameHeader = {
  kind: 'zeros',
  revision: 1,
  entry: 2,
  chunk: 17,
  epoch: 3,
  hash: 0x87d2a1b6e1163ef1n,
}

/** An empty file and one of one byte. */
export const goldenPack: { readonly header: FrameHeader; readonly rows: readonly PackRow[]; readonly bytes: string } = {
  header: { kind: 'pack', revision: 0, files: 2, tableBytes: 48, epoch: 3, hash: 0x36dc109de3639a88n },
  rows: [
    { entry: 3, revision: 0, length: 0, hash: 0xef46db3751d8e999n },
    { entry: 6, revision: 2, length: 1, hash: 0x5c80c09683041123n },
  ],
  bytes: 'x',
}

export const goldenTicket: Ticket = {
  id: '000102030405060708090a0b0c0d0e0f',
  secret: Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i),
  addresses: ['192.168.1.7:22779', '[2001:db8::7]:22779', 'alice.example:443'],
  role: 'receiver',
  expiresAt: 1_764_000_000_000,
  uses: 1,
  tls: 'psk',
}
