// What the test of failing system calls and the process that lives through them say to each other.

import type { Role } from '../../src/model/session.ts'

/** Calls that the shim can fail; libuv closes without libc, so `close` is none of them. */
export type Call =
  | 'open'
  | 'pwrite'
  | 'fdatasync'
  | 'fsync' // Of a file.
  | 'dirsync' // fsync of a directory.
  | 'link'
  | 'rename'
  | 'ftruncate'
  | 'mkdir'
  | 'unlink'

/** The k-th call of a kind fails, below one side's directories. */
export interface Fault {
  readonly side: Role
  /** Whether the process that meets it begins a session, or goes on with one that was broken off. */
  readonly phase: 'fresh' | 'resume'
  readonly call: Call
  /** From 1. */
  readonly k: number
  /** Name of an errno, or `short`. */
  readonly how: string
  /** How many calls from the k-th on fail: 1, or more than there are. */
  readonly many: number
}

/** What came of it. */
export interface Lived {
  readonly fault: Fault
  /** How the life that met it ended on each side: `released`, an error's code, `bug: ...`. */
  readonly ends: Readonly<Record<Role, string>>
  /** Calls below that side's directories, by kind, and `failed`. */
  readonly counts: Readonly<Record<string, number>>
  /** Something was acknowledged while a failed sync was on its way to the receiver's ears, or behind it: both were killed at once. */
  readonly isKilled: boolean
  /** Both sides said that the disk was full; then space returned. */
  readonly isParked: boolean
  /** Codes of what the receiver warned of in that life. */
  readonly warnings: readonly string[]
  /** Empty: all is well. */
  readonly problems: readonly string[]
}
