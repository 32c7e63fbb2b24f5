// What the peer is told of faults on this side: in names below the root, which it knows, and in no path of this machine.

import { isTransferError, TransferError } from '../errors.ts'
import { pathText, type Path } from '../model/names.ts'

/** What is said of an entry whose name the disk takes not. */
export const nameRefused = 'this disk takes no such name'

/** Why an entry came to nothing. @param path of the entry, below the root */
export function reasonOf(error: TransferError, path: Path): string {
  const { code, details } = error
  if (!('path' in details)) return error.message
  return new TransferError(code, { ...details, path: namedIn(path, details.path) } as never).message
}

/** The entry, or the folder on the way to it, that an absolute path leads to; the entry where it leads to neither. */
function namedIn(path: Path, absolute: string): string {
  const texts = path.map((_, above) => pathText(path.slice(0, path.length - above)))
  return texts.find((text) => absolute.endsWith(`/${text}`)) ?? pathText(path)
}

/** What a dialer is told of a fault that has to do with a folder or file of this side. What it named itself it is told again. */
export function withoutPaths(error: unknown): unknown {
  if (!isTransferError(error) || namedByDialer.includes(error.code)) return error
  const isOurs = 'path' in error.details || 'directory' in error.details
  return isOurs ? TransferError.told(error.code, 'The folder cannot be used there: that side is told why.') : error
}

const namedByDialer: readonly string[] = ['no-such-path', 'not-sendable']
