// What the parts share about hashes: the function that is handed to whoever needs one, and the 16 hex digits in which a
// hash stands in messages, receipts and records. The function itself comes from `hash`.

import { assert } from '../errors.ts'

/** xxh64 with seed 0. Synchronous, keeps nothing of `bytes`. */
export type Hash64 = (bytes: Uint8Array) => bigint

const hex64Form = /^[0-9a-f]{16}$/

/** 16 lower-case hex digits of an unsigned 64-bit value. */
export function hex64(value: bigint): string {
  return value.toString(16).padStart(16, '0')
}

/** Whether text is 16 lower-case hex digits. */
export function isHex64(text: string): boolean {
  return hex64Form.test(text)
}

/** The value of 16 lower-case hex digits; they were checked where they came in. */
export function parseHex64(digits: string): bigint {
  assert(isHex64(digits), 'a hash is not 16 hex digits')
  return BigInt(`0x${digits}`)
}
