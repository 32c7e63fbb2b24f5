// The code a call is refused with, so that a test can say "this error and no other".

import { isTransferError } from '../../src/errors.ts'

/** Code of the TransferError, or `returned`, or `untyped: …` for everything that must never happen. */
export function codeOf(call: () => unknown): string {
  try {
    call()
    return 'returned'
  } catch (error) {
    return isTransferError(error) ? error.code : `untyped: ${String(error)}`
  }
}
