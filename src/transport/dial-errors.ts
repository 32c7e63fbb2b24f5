// What an error on the way to a listener means for a person: nobody there, not ours, not who the ticket is for, or the key
// is not wanted. The same errno means different things at different stages.

import { TransferError } from '../errors.ts'
import { isByCertificate, type Trust } from '../model/ticket.ts'
import { distrust, Stranger } from './certificate.ts'
import { ProofRefused, Unproven } from './proof.ts'

/** How far an attempt has come: TCP, TLS, WebSocket. */
export type Stage = 'reaching' | 'proving' | 'upgrading'

/** Somebody answers, in another language. The message ends the sentence "NAME does not speak carryon: ...". */
export class NotCarryon extends Error {}

/** Nobody answers, or not in time. The message ends the sentence "Cannot reach the other side at ADDRESS: ...". */
export class NoAnswer extends Error {}

/** @param trust what the listener had to be trusted by */
export function explain(stage: Stage, address: string, error: unknown, trust?: Trust): TransferError {
  const options = { cause: error }
  const { code = '', message } = error as NodeJS.ErrnoException
  if (error instanceof NotCarryon) return new TransferError('not-carryon', { peer: address, what: message }, options)
  if (error instanceof ProofRefused) return new TransferError('ticket-refused', { peer: address }, options)
  const why =
    error instanceof Stranger || error instanceof Unproven
      ? message
      : trust !== undefined && isByCertificate(trust)
        ? distrust(code)
        : undefined
  if (why !== undefined) return new TransferError('not-the-peer', { peer: address, why }, options)
  if (stage === 'reaching' || error instanceof NoAnswer || hangUps.has(code)) {
    const cause = stage === 'reaching' ? (reasons[code] ?? message) : endedAt[stage]
    const details = { addresses: [address], cause: error instanceof NoAnswer ? message : cause }
    return new TransferError('peer-unreachable', details, options)
  }
  if (stage === 'proving' && keyRefused.test(message)) {
    return new TransferError('ticket-refused', { peer: address }, options)
  }
  return new TransferError('not-carryon', { peer: address, what: strange[stage] }, options)
}

/** An overloaded or stopping listener hangs up too, so after these another attempt makes sense. */
const hangUps: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ECONNABORTED',
  'ETIMEDOUT',
  'ENETDOWN',
  'EHOSTUNREACH',
])

/** A wrong key's alert: "illegal parameter" from OpenSSL; the other two are what RFC 8446 names for it. */
const keyRefused = /alert (illegal parameter|decrypt error|unknown psk identity)/i

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'it hung up',
  EHOSTUNREACH: 'there is no way to that machine',
  ENETUNREACH: 'there is no way to that network',
  ETIMEDOUT: 'no answer',
  ENOTFOUND: 'no machine has that name',
  EAI_AGAIN: 'the name could not be looked up just now',
}

const endedAt = { proving: 'it hung up before the ticket was proven', upgrading: 'it hung up before the first message' }

const strange = {
  proving: 'its answer is not the TLS of a carryon listener',
  upgrading: 'it answers no WebSocket request',
}
