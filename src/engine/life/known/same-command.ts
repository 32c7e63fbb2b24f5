// Which session is "the same" (INTERFACE 3.2): the identity of a command as text, what of it is frozen in the session, and
// the command line that goes on with one.

import { createHash } from 'node:crypto'
import { TransferError } from '../../../errors.ts'
import type { Millis } from '../../../model/clock.ts'
import { chunkBytesRange, clamp, defaultLimits, expireAfterMs } from '../../../model/limits.ts'
import type { HeaderRecord, SourceRoot } from '../../../model/records.ts'
import type { Durability, SessionId, ShapeWishes } from '../../../model/session.ts'
import type { ReceiveOptions, SendOptions } from '../../api.ts'
import { servedBy } from './served-identity.ts'
import type { WalkOptions } from '../../runner.ts'

const sourcesInCommandMax = 20 // Nobody retypes more.
const identityMaxChars = 32 * 1024
const sourcesMaxChars = 1024 * 1024 // Each stands in one record, and may take six bytes there.

/**
 * What a sender's command is about: its real paths with the names they land under, or where they are many, their digest.
 * @throws TransferError `usage` where they are too many for a session
 */
export function senderIdentity(sources: readonly SourceRoot[]): string {
  const paths = JSON.stringify(sources.map(({ path, as }) => [path, as]))
  if (paths.length > sourcesMaxChars)
    throw new TransferError('usage', {
      problem: `${sources.length} paths are too many for one session.`,
      remedy: 'Name the folder they are in, and leave out what is not meant with --exclude.',
    })
  if (paths.length <= identityMaxChars) return `["sender",${paths.slice(1)}`
  return JSON.stringify(['sender', createHash('sha256').update(paths).digest('hex')])
}

/** A receiver's sessions lie in the folder they are received into, so the folder need not be named. */
export function receiverIdentity(as: string | undefined): string {
  return JSON.stringify(['receiver', as ?? ''])
}

/** Names of frozen options, as the command spells them, with what was asked for; '' where nothing was. */
export type Frozen = Readonly<Record<string, string>>

export function senderFrozen(options: SendOptions): Frozen {
  return {
    exclude: (options.exclude ?? []).length === 0 ? '' : JSON.stringify(options.exclude),
    links: options.links ?? '',
    special: options.special ?? '',
    checksum: options.checksum === true ? 'on' : '',
    'on-conflict': options.onConflict ?? '',
    durability: options.durability ?? '',
  }
}

export function receiverFrozen(options: ReceiveOptions): Frozen {
  return { 'on-conflict': options.onConflict ?? '', durability: options.durability ?? '' }
}

const expiryName = 'expires' // Kept beside the frozen options, though every run may change it.

/** How long a session lives without progress. */
export function expiresMsOf({ frozen }: Pick<HeaderRecord, 'frozen'>): Millis {
  return Number(frozen[expiryName] ?? expireAfterMs)
}

/** The same header with another expiry. */
export function withExpiry(header: HeaderRecord, expiresMs: Millis): HeaderRecord {
  return { ...header, frozen: { ...header.frozen, [expiryName]: String(expiresMs) } }
}

const chunkSizeName = 'chunk-size' // Kept there too, and stays as it was: another wish is no reason to refuse a command.

/** Bytes of a chunk, if the sender named a number when the session began: the digests of its manifest are made of such chunks. */
export function chunkBytesOf({ frozen }: Pick<HeaderRecord, 'frozen'>): number | undefined {
  const asked = frozen[chunkSizeName]
  return asked === undefined ? undefined : clamp(Number(asked), chunkBytesRange, defaultLimits.chunkBytes)
}

/** The same header with another size of chunks. */
export function withChunkBytes(header: HeaderRecord, chunkBytes: number): HeaderRecord {
  return { ...header, frozen: { ...header.frozen, [chunkSizeName]: String(chunkBytes) } }
}

/** What the frozen options mean for the walk of a session that has this header. */
export function walkOptions({ frozen }: HeaderRecord): WalkOptions {
  return {
    exclude: frozen['exclude'] ? (JSON.parse(frozen['exclude']) as string[]) : [],
    links: (frozen['links'] || 'keep') as WalkOptions['links'],
  }
}

export function wishesOf(frozen: Frozen): ShapeWishes {
  return {
    onConflict: (frozen['on-conflict'] || null) as ShapeWishes['onConflict'],
    checksum: frozen['checksum'] === 'on',
    ...(frozen['durability'] ? { durability: frozen['durability'] as Durability } : {}),
  }
}

/**
 * A command that does not say an option takes what the session has.
 * @throws TransferError `frozen-option` if it says another than the session began with
 */
export function checkFrozen({ session, frozen }: Pick<HeaderRecord, 'session' | 'frozen'>, asked: Frozen): void {
  for (const [name, value] of Object.entries(asked)) {
    const had = frozen[name] ?? ''
    if (value === '' || value === had) continue
    throw new TransferError('frozen-option', {
      option: `--${name}`,
      session: shortId(session),
      had: had === '' ? '(not set)' : had,
      asked: value,
    })
  }
}

const shortIdDigits = 8

/** Enough of an id to name a session on one machine. */
export function shortId(session: SessionId): string {
  return session.slice(0, shortIdDigits)
}

/**
 * The command that goes on with a session, from any directory. `isNewest`: no younger session answers to the same command.
 * A dialer's command held its ticket, which is spent: it goes by the id.
 */
export function resumeCommand(header: HeaderRecord, isNewest: boolean, stateDir: string | undefined): string {
  const state = stateDir === undefined ? [] : ['--state-dir', stateDir]
  const served = servedBy(header.identity)
  if (served !== undefined) return quoted('carryon', 'serve', served, ...state)
  const isLong = header.sources.length > sourcesInCommandMax
  if (header.side === 'dialer' || !isNewest || isLong)
    return quoted('carryon', 'resume', shortId(header.session), ...state)
  if (header.role === 'receiver') {
    const [, as] = JSON.parse(header.identity) as [string, string]
    return quoted('carryon', 'receive', header.directory, ...(as === '' ? [] : ['--as', as]), ...state)
  }
  const only = header.sources.length === 1 ? header.sources[0]! : undefined
  const isRenamed = only !== undefined && only.as !== '' && only.as !== lastName(only.path)
  const paths = header.sources.map(({ path, as }) => (as === '' ? `${path.replace(/\/$/, '')}/.` : path))
  return quoted('carryon', 'send', ...paths, ...(isRenamed ? ['--as', only.as] : []), ...state)
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Words of a shell command, each quoted where the shell would read more than letters in it. */
export function quoted(...words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ')
}
