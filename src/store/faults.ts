// The one place that knows errno: every fault of the operating system becomes a TransferError here, with its cause, and
// nobody above looks at `code` strings of the system again.

import { isTransferError, TransferError } from '../errors.ts'

/** What was under way when the system said no. */
export interface Attempt {
  /** What was tried, as a verb for messages: `write`, `open`. */
  readonly operation: string
  /** For messages only. */
  readonly path: string
  /** Bytes that had to find room; 0 where that is not the question. */
  readonly neededBytes?: number
  /** Asked only when the disk is full. */
  readonly freeBytes?: () => number
}

/** The system's name of a fault (`ENOENT`), or '' for anything else that was thrown. */
export function faultName(error: unknown): string {
  if (isTransferError(error)) return '' // Translated already.
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  return typeof code === 'string' ? code : ''
}

/** What was thrown, as an Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

/** Turns what a system call threw into a TransferError. What is no fault of the system comes back as it is. */
export function translateFault(error: unknown, attempt: Attempt): Error {
  const { operation, path } = attempt
  const because = { cause: error }
  switch (faultName(error)) {
    case '':
      return asError(error)
    case 'ENOSPC':
    case 'EDQUOT':
      if (operation.startsWith('sync')) break // What it should have written is lost: to try again would succeed and mean nothing (R16).
      return new TransferError(
        'disk-full',
        { path, neededBytes: attempt.neededBytes ?? 0, freeBytes: free(attempt) },
        because,
      )
    case 'EMFILE':
    case 'ENFILE':
      return new TransferError('too-many-open-files', { path }, because)
    case 'EACCES':
    case 'EPERM':
      return new TransferError('permission-denied', { path, operation }, because)
    case 'ENOENT':
      return new TransferError('not-found', { path }, because)
    case 'EEXIST':
    case 'ENOTEMPTY':
      return new TransferError('already-exists', { path }, because)
    case 'ENOTDIR':
      return new TransferError('not-a-directory', { path }, because)
    case 'EISDIR': // A rename or a write onto a directory.
    case 'ELOOP': // O_NOFOLLOW met a link.
    case 'ENXIO': // A socket, or a fifo nobody reads.
    case 'ENODEV':
      return new TransferError('not-a-file', { path }, because)
    case 'EINVAL':
      if (!giveNames.includes(operation)) break
      return new TransferError('name-refused', { path }, because)
    case 'EILSEQ': // A disk of UTF-8 names only.
    case 'ENAMETOOLONG': // Shorter names than most disks have.
      return new TransferError('name-refused', { path }, because)
  }
  const [cause = ''] = (error as Error).message.split(', ') // Behind it come the call and its path, which are said already.
  return new TransferError('disk-failed', { path, operation, cause }, because)
}

/** What can only be invalid for the name that is given. */
const giveNames: readonly string[] = ['open', 'make', 'link', 'rename']

/** Faults by which a file system says that it has no hard links for us (R6). */
export function meansNoLinks(error: unknown): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(faultName(error))
}

/** Faults by which a file system says that it has no unix sockets: those without special files, and FUSE. */
export function meansNoSockets(error: unknown): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EIO'].includes(faultName(error))
}

/** Faults by which a file system says that directories cannot be synced there: durability degraded, not failed (R7). */
export function meansNoDirectorySync(error: unknown): boolean {
  return ['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'EISDIR', 'EPERM'].includes(faultName(error))
}

function free(attempt: Attempt): number {
  try {
    return attempt.freeBytes?.() ?? 0
  } catch {
    return 0 // Only a figure in a message: the full disk is the news.
  }
}
