// The stage for evil peers: a shipping session in this process, in plain text on loopback, a peer that speaks the protocol
// by hand, and a look at everything outside of the folder that the session may touch.

import { execFileSync } from 'node:child_process'
import {
  accessSync,
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { errorTable, isTransferError } from '../../src/errors.ts'
import { loadHash } from '../../src/hash/xxh64.ts'
import {
  receive,
  send,
  type Ending,
  type Event,
  type ReceiveOptions,
  type Role,
  type Session,
} from '../../src/index.ts'
import { hex64 } from '../../src/model/hash.ts'
import type { Entry } from '../../src/model/manifest.ts'
import { headerBytes, packRowBytes } from '../../src/model/limits.ts'
import type { FrameHeader, PackRow } from '../../src/model/messages.ts'
import { decodeTicket } from '../../src/model/ticket.ts'
import { writeHeader, writePackRow } from '../../src/wire/frames.ts'
import { digestInput, encodeEntries, entriesToWire } from '../../src/wire/manifest.ts'
import { RawPeer } from '../support/raw-peer.ts'

export const hash = await loadHash()

/** A session and all that lies around it. */
export class Stage {
  readonly path = mkdtempSync(join(fastestPlace(), 'carryon-evil-'))
  readonly root = join(this.path, 'around', 'root')
  readonly session: Session
  readonly events: Event[] = []
  #ticket: string | undefined
  readonly #watchers = new Set<() => void>()
  readonly #before: Seen

  /** @param role the shipping side's; the other one is the test's */
  constructor(role: Role, options: ReceiveOptions = {}) {
    mkdirSync(this.root, { recursive: true })
    for (const name of ['around/precious', 'precious']) writeFileSync(join(this.path, name), 'precious')
    if (role === 'sender') for (const name of ['a', 'b']) writeFileSync(join(this.root, name), name.repeat(100_000))
    this.#before = this.#outside()
    const all: ReceiveOptions = {
      stateDir: join(this.path, 'state'),
      listen: { host: '127.0.0.1', port: 0 },
      insecurePlaintext: true,
      progressIntervalMs: 1_000,
      files: true,
      ...options,
    }
    this.session =
      role === 'receiver' ? receive(this.root, all) : send([join(this.root, 'a'), join(this.root, 'b')], all)
    void this.#listen()
    onTestFinished(async () => {
      await this.session.pause()
      await this.session.ending
      execFileSync('rm', ['-rf', this.path]) // It enters what is too deep for a path.
    })
  }

  async #listen(): Promise<void> {
    for await (const event of this.session) {
      this.events.push(event)
      if (event.type === 'listening') this.#ticket ??= event.ticket ?? undefined
      for (const look of this.#watchers) look()
    }
  }

  async ticket(): Promise<string> {
    while (this.#ticket === undefined) await new Promise<void>((resolve) => this.#watchers.add(resolve))
    return this.#ticket
  }

  /** A peer of the other role that was welcomed. */
  async peer(changes: Readonly<Record<string, unknown>> = {}): Promise<RawPeer> {
    return RawPeer.welcomed(await this.ticket(), changes)
  }

  async id(): Promise<string> {
    return decodeTicket(await this.ticket()).id
  }

  /** An event that fits, of those that came and those to come. */
  async until(fits: (event: Event) => boolean): Promise<void> {
    while (!this.events.some(fits)) await new Promise<void>((resolve) => this.#watchers.add(resolve))
  }

  #outside(): Seen {
    return seenBelow(this.path, ['state', 'around/root'])
  }

  /** What was received, by path below the root; carryon's own left out. */
  received(): Seen {
    return seenBelow(this.root, ['.carryon'])
  }

  /** How it ended: the code of a typed error, and nothing outside the root was touched. */
  async end(): Promise<{ readonly code: string; readonly exit: number | undefined; readonly ending: Ending }> {
    const ending = await this.session.ending
    const { error } = ending
    if (error !== null && !isTransferError(error)) throw error
    this.expectUntouched()
    return { code: error?.code ?? 'none', exit: error === null ? undefined : errorTable[error.code].exit, ending }
  }

  expectUntouched(): void {
    expect(this.#outside()).toEqual(this.#before)
  }
}

/** A page that says the truth about itself. */
export function pageOf(entries: readonly Entry[], more: Readonly<Record<string, unknown>> = {}): object {
  const bytes = entries.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.size : 0), 0)
  const last = { entries: entries.length, bytes }
  return {
    kind: 'manifest',
    page: 0,
    first: 0,
    entries: entriesToWire(entries),
    digest: digestOf(entries, last),
    last,
    ...more,
  }
}

export function digestOf(
  entries: readonly Entry[],
  last: { entries: number; bytes: number } | undefined,
  previous = '0'.repeat(16),
): string {
  return hex64(hash(Buffer.from(digestInput(previous, encodeEntries(entries), last))))
}

export const fileEntry = (name: string | readonly string[], size: number): Entry => ({
  kind: 'file',
  path: [name].flat(),
  size,
  mtimeUs: 1_700_000_000_000_000,
  mode: 0o644,
})

/** A data frame, as right or wrong as it is told to be. */
export function frameOf(header: FrameHeader, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const frame = Buffer.concat([Buffer.alloc(headerBytes), payload])
  writeHeader(frame, 0, header, hash)
  return frame
}

/** A chunk with the hash that belongs to it. */
export function chunkOf(
  place: { entry: number; chunk?: number; revision?: number; epoch?: number },
  payload: Uint8Array,
) {
  const { entry, chunk = 0, revision = 0, epoch = 1 } = place
  return frameOf({ kind: 'chunk', entry, chunk, revision, epoch, hash: hash(payload) }, payload)
}

export function packOf(rows: readonly PackRow[], bytes: Uint8Array, epoch = 1): Buffer {
  const table = Buffer.alloc(rows.length * packRowBytes)
  rows.forEach((row, i) => writePackRow(table, i * packRowBytes, row))
  const payload = Buffer.concat([table, bytes])
  const header = { kind: 'pack', files: rows.length, tableBytes: table.length, revision: 0, epoch } as const
  return frameOf({ ...header, hash: hash(payload) }, payload)
}

/** A frame of a WebSocket client, byte by byte as the test wants it. */
export function wsFrame(
  opcode: number,
  payload: Uint8Array,
  { fin = true, mask = true, lengthSaid = payload.length } = {},
) {
  const length = Buffer.alloc(lengthSaid < 126 ? 0 : lengthSaid < 65_536 ? 2 : 8)
  if (length.length === 2) length.writeUInt16BE(lengthSaid)
  if (length.length === 8) length.writeBigUInt64BE(BigInt(lengthSaid))
  const short = lengthSaid < 126 ? lengthSaid : length.length === 2 ? 126 : 127
  const head = Buffer.from([(fin ? 0x80 : 0) | opcode, (mask ? 0x80 : 0) | short])
  return Buffer.concat([head, length, Buffer.alloc(mask ? 4 : 0), payload])
}

/** Memory, where there is some: this is about what is said and done, not about disks. */
export function fastestPlace(): string {
  try {
    accessSync('/dev/shm', constants.W_OK)
    return '/dev/shm'
  } catch {
    return tmpdir()
  }
}

/** What lies under a folder: by path (in latin1, so that every byte counts), with kind, mode and content. */
export type Seen = Readonly<Record<string, string>>

export function seenBelow(root: string, without: readonly string[] = []): Seen {
  const seen: Record<string, string> = {}
  const visit = (folder: Buffer, prefix: string): void => {
    const fd = openSync(folder, 'r') // A path may be longer than the system takes at once.
    const here = Buffer.from(`/proc/self/fd/${fd}`)
    for (const name of readdirSync(here, { encoding: 'buffer' })) {
      const path = Buffer.concat([here, Buffer.from('/'), name])
      const key = prefix + name.toString('latin1')
      if (without.includes(key)) continue
      const stat = lstatSync(path)
      const mode = (stat.mode & 0o7777).toString(8)
      if (stat.isSymbolicLink()) seen[key] = `link to ${readlinkSync(path, { encoding: 'latin1' })}`
      else if (stat.isFile()) seen[key] = `file ${mode} ${readFileSync(path).toString('latin1')}`
      else seen[key] = stat.isDirectory() ? `folder ${mode}` : 'special'
      if (stat.isDirectory()) visit(path, `${key}/`)
    }
    closeSync(fd)
  }
  visit(Buffer.from(root), '')
  return seen
}
