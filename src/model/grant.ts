// A grant: what a ticket of `carryon serve` allows, as the server keeps it. The ticket is the text a person holds, with the
// secret in it; the grant has its terms and the keys derived from it (R86). Plain values and their check, nothing else.

import { nameFault, type Name, type Path } from './names.ts'

/** What a ticket's holder, who dials, may do: `send` into the folder, `receive` what is in it, or both. */
export type Scope = 'send' | 'receive' | 'both'

/** One secret of a grant; while it is exchanged there are two. */
export interface GrantKey {
  /** The ticket's id, 32 hex digits. */
  readonly ticket: string
  /** HKDF of its secret, 64 hex digits. */
  readonly key: string
  /** Wall time from which it opens nothing, ms; null: as long as the grant lasts. */
  readonly until: number | null
}

/** Numbers are bounds; null means that there is none but the server's own. */
export interface Grant {
  /** The first ticket's, 32 hex digits: it stays when the secret is exchanged. */
  readonly id: string
  readonly scope: Scope
  /** The folder below the served one; []: that one. */
  readonly path: Path
  /** Bytes and files that all its sessions together may bring in. */
  readonly maxBytes: number | null
  readonly maxFiles: number | null
  /** Sessions at work at once. */
  readonly maxSessions: number | null
  /** Whether files that are there may be replaced. */
  readonly mayReplace: boolean
  /** Sessions it may begin. */
  readonly uses: number | null
  /** Wall time, ms. */
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly revokedAt: number | null
  /** Newest first. */
  readonly keys: readonly GrantKey[]
}

export const scopes: readonly Scope[] = ['send', 'receive', 'both']
export const grantKeysMax = 8 // Exchanged more often than this within a day, the oldest goes at once.

/** Components of a folder below the served one, as people write it; undefined if it leads elsewhere, or is no name. */
export function parseBelow(text: string): Path | undefined {
  const names: Name[] = text.split('/').filter((name) => name !== '' && name !== '.')
  return names.some((name) => nameFault(name) !== undefined || name.toLowerCase() === '.carryon') ? undefined : names
}

/** The grant a text holds; undefined if it holds none. */
export function parseGrant(text: string): Grant | undefined {
  try {
    const value = JSON.parse(text) as Grant & { readonly v?: unknown }
    return value.v === 1 && isGrant(value) ? value : undefined
  } catch {
    return undefined
  }
}

export function grantText(grant: Grant): string {
  return `${JSON.stringify({ ...grant, v: 1 }, undefined, 2)}\n`
}

function isGrant(value: Grant): boolean {
  const bounds = [value.maxBytes, value.maxFiles, value.maxSessions, value.uses, value.expiresAt, value.revokedAt]
  return (
    isId(value.id) &&
    scopes.includes(value.scope) &&
    Array.isArray(value.path) &&
    value.path.every((name) => typeof name === 'string' && nameFault(name) === undefined) &&
    bounds.every((bound) => bound === null || isCount(bound)) &&
    typeof value.mayReplace === 'boolean' &&
    isCount(value.createdAt) &&
    Array.isArray(value.keys) &&
    value.keys.length <= grantKeysMax &&
    value.keys.every(isKey)
  )
}

function isKey({ ticket, key, until }: GrantKey): boolean {
  return isId(ticket) && typeof key === 'string' && /^[0-9a-f]{64}$/.test(key) && (until === null || isCount(until))
}

function isId(text: unknown): boolean {
  return typeof text === 'string' && /^[0-9a-f]{32}$/.test(text)
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0
}
