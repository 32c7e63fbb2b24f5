// What states, reasons and outcomes mean, in words: one table each, used by the screen, by `status` and by help. The
// compiler asks for a row for each one there is.

import type { Outcome, SessionState, StateReason } from '../index.ts'

export const stateWords: Readonly<Record<SessionState, string>> = {
  listening: 'waits for its first peer',
  greeting: 'the two sides prove who they are',
  agreeing: 'the two sides compare what they have',
  transferring: 'data flows',
  finishing: 'all is there; the receipt is on its way',
  released: 'done: both sides hold the receipt',
  interrupted: 'no connection; it goes on with the next one',
  parked: 'waits for a condition and goes on by itself',
  paused: 'stopped on purpose; run the command again to go on',
  unresumable: 'the other side has forgotten it',
  discarded: 'given up by a person',
  expired: 'forgotten after a long time without progress',
}

/** Each fits behind "waiting" and behind a state: a noun or a short clause. */
export const reasonWords: Readonly<Record<StateReason, string>> = {
  'no-peer-yet': 'nobody has called yet',
  'receipt-unconfirmed': 'the receipt is not confirmed yet',
  network: 'the connection is gone',
  'peer-silent': 'the other side is silent',
  'peer-busy': 'the other side is busy with this session',
  'port-in-use': 'another program uses the port',
  crash: 'its process died',
  'retry-over': 'no connection within --retry-for',
  'disk-full': 'the disk is full',
  'disk-failed': 'the disk fails or is gone',
  quota: 'the quota is used up',
  'source-gone': 'the folder to send from is gone (unmounted?)',
  'no-progress': 'the other side answers, but gets nowhere',
  user: 'a person stopped it',
  signal: 'a signal stopped it',
  'transfer-limit': 'it has sent what --max-transfer allows',
  'time-limit': 'its time by --max-duration is over',
  'ticket-expired': 'its ticket has expired',
  'ticket-revoked': 'its ticket was revoked',
  'peer-user': 'a person stopped it on the other side',
  'peer-signal': 'a signal stopped it on the other side',
  'peer-expired': 'it expired on the other side',
  'peer-released': 'it is done on the other side',
  ttl: 'no progress for too long',
}

/** As in `3 files delivered`. */
export const outcomeWords: Readonly<Record<Outcome, string>> = {
  delivered: 'delivered',
  unchanged: 'there already, unchanged',
  kept: 'kept as found there',
  replaced: 'replaced',
  renamed: 'landed under another name',
  skipped: 'skipped',
  omitted: 'left out',
  vanished: 'deleted while sending',
  conflict: 'in conflict with what was there',
  failed: 'failed',
}

/** Why an entry was not sent, where the code alone says too little; other reasons are sentences already. */
export const omissionWords: Readonly<Partial<Record<string, string>>> = {
  special: 'a pipe, socket or device',
  'link-outside': 'a link that leads outside',
  'link-skipped': 'a link',
  unreadable: 'could not be read',
  'bad-name': 'a name that cannot be sent',
}
