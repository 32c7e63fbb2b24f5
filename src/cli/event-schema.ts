// The schema of NDJSON v1: what docs/events.v1.schema.json and `carryon help json` are made from. Each event of
// model/events.ts has a schema here that fits it exactly, or this file does not compile.

import { z } from 'zod'
import type { Event, EventType, HintCode, Outcome, SessionState, StateReason, WarningCode } from '../index.ts'
import { outcomeWords, reasonWords, stateWords } from './words.ts'

const bytes = z.int().min(0).describe('bytes')
const count = z.int().min(0)
const milliseconds = z.number().min(0).describe('milliseconds')
const time = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  .describe('RFC 3339, UTC')
const digest = z.string().regex(/^xxh64c:[0-9a-f]{16}$/)
const base64 = z.base64().describe('the bytes of the name, where they are not UTF-8')
const who = z.enum(['self', 'peer', 'both'])
const state = z.enum(keysOf<SessionState>(stateWords))
const reason = z.enum(keysOf<StateReason>(reasonWords))
const level = z.enum(['checkpoint', 'file', 'none']).describe('what an acknowledge promises')
const outcome = z.enum(keysOf<Outcome>(outcomeWords))

const warningCodes: Readonly<Record<WarningCode, true>> = {
  'rolled-back': true,
  'durability-degraded': true,
  'late-conflict': true,
  'release-unconfirmed': true,
  'root-moved': true,
  insecure: true,
  'hook-failed': true,
  'source-changed': true,
  'slow-sync': true,
  'names-alike': true,
  'chunk-repaired': true,
  'torn-journal': true,
  'frozen-chunk-size': true,
  'expires-soon': true,
  expired: true,
  'passed-over': true,
  'list-not-kept': true,
  'session-ended': true,
  ssh: true,
}
const hintCodes: Readonly<Record<HintCode, true>> = {
  'window-small': true,
  'new-entries': true,
  'folder-made': true,
  'delivered-before': true,
}

const envelope = {
  v: z.literal(1),
  time,
  session: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .nullable(),
  role: z.enum(['sender', 'receiver']).nullable(),
}

const schemas = {
  listening: z.object({
    ...envelope,
    type: z.literal('listening'),
    addresses: z.array(z.string()),
    ticket: z.string().nullable(),
    command: z.string(),
    expiresAt: time.nullable(),
  }),
  session: z.object({
    ...envelope,
    type: z.literal('session'),
    state,
    previous: state.nullable(),
    reason: reason.nullable(),
    who: who.nullable(),
    held: z.boolean(),
    epoch: count,
    resumed: z.boolean(),
    peer: z.string().nullable(),
    filesTotal: count.exactOptional(),
    bytesTotal: bytes.exactOptional(),
    bytesDurable: bytes,
    level: level.exactOptional(),
    bytesAcknowledged: bytes.exactOptional(),
  }),
  progress: z.object({
    ...envelope,
    type: z.literal('progress'),
    phase: z.enum(['scanning', 'transferring', 'verifying', 'publishing']),
    bytesTotal: bytes.nullable(),
    bytesFound: bytes,
    bytesSent: bytes,
    bytesReceived: bytes,
    bytesDurable: bytes,
    bytesAcknowledged: bytes.exactOptional(),
    bytesDurableAtStart: bytes,
    bytesPublished: bytes,
    rateBytesPerSecond: z.number().min(0),
    etaSeconds: z.number().min(0).nullable(),
    filesTotal: count,
    filesDone: count,
    filesOmitted: count,
    lanes: count,
  }),
  checkpoint: z.object({
    ...envelope,
    type: z.literal('checkpoint'),
    serial: count,
    grade: z.enum(['minor', 'major']),
    level,
    bytesDurable: bytes,
    bytesAcknowledged: bytes.exactOptional(),
    filesDone: count,
    syncMs: milliseconds,
    sinceLastMs: milliseconds.nullable(),
  }),
  adopted: z.object({
    ...envelope,
    type: z.literal('adopted'),
    bytesHinted: bytes,
    bytesAdopted: bytes,
    durationMs: milliseconds,
  }),
  reconnecting: z.object({
    ...envelope,
    type: z.literal('reconnecting'),
    attempt: z.int().min(1),
    reason,
    delayMs: milliseconds,
    retryUntil: time.nullable(),
    bytesAtRisk: bytes,
  }),
  waiting: z.object({
    ...envelope,
    type: z.literal('waiting'),
    reason,
    who,
    since: time,
    retryUntil: time.exactOptional(),
    bytesNeeded: bytes.exactOptional(),
    bytesFree: bytes.exactOptional(),
    hint: z.string(),
  }),
  file: z.object({
    ...envelope,
    type: z.literal('file'),
    path: z.string(),
    pathBase64: base64.exactOptional(),
    index: count,
    outcome,
    bytes,
    digest: digest.exactOptional(),
    target: z.string().exactOptional(),
    reason: z.string().exactOptional(),
  }),
  warning: z.object({
    ...envelope,
    type: z.literal('warning'),
    code: z.enum(keysOf<WarningCode>(warningCodes)),
    message: z.string(),
    path: z.string().exactOptional(),
    pathBase64: base64.exactOptional(),
    details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).exactOptional(),
  }),
  hint: z.object({
    ...envelope,
    type: z.literal('hint'),
    code: z.enum(keysOf<HintCode>(hintCodes)),
    message: z.string(),
  }),
  summary: z.object({
    ...envelope,
    type: z.literal('summary'),
    files: count,
    bytes,
    bytesSentThisRun: bytes,
    bytesReused: bytes,
    bytesResent: bytes,
    bytesOnWire: bytes,
    reconnects: count,
    checkpoints: count,
    durationMs: milliseconds,
    digest: digest.nullable(),
    receipt: z.string().nullable(),
    outcomes: z.partialRecord(outcome, count),
  }),
  exit: z.object({
    ...envelope,
    type: z.literal('exit'),
    code: z.int().min(0).max(255),
    name: z.string(),
    resumable: z.boolean(),
    resumeCommand: z.string().nullable(),
    error: z.object({ code: z.string(), message: z.string(), hint: z.string() }).exactOptional(),
  }),
} satisfies { [Type in EventType]: z.ZodType<Extract<Event, { type: Type }>> }

/** Accepts exactly the events of this version; fields it does not know are passed over. */
export const eventSchema: z.ZodType<Event> = z.discriminatedUnion('type', [
  schemas.listening,
  schemas.session,
  schemas.progress,
  schemas.checkpoint,
  schemas.adopted,
  schemas.reconnecting,
  schemas.waiting,
  schemas.file,
  schemas.warning,
  schemas.hint,
  schemas.summary,
  schemas.exit,
])

/** The text of docs/events.v1.schema.json. Readers ignore what they do not know, so further fields are allowed. */
export function eventSchemaText(): string {
  const schema = z.toJSONSchema(eventSchema, { io: 'input', target: 'draft-2020-12' })
  return `${JSON.stringify({ title: 'carryon events, NDJSON v1: one line', ...schema }, null, 2)}\n`
}

/** Each type with its fields beyond the envelope; `?` marks one that may be absent. */
export function eventFields(): readonly { readonly type: EventType; readonly fields: readonly string[] }[] {
  const common = [...Object.keys(envelope), 'type']
  return Object.entries(schemas).map(([type, schema]) => ({
    type: type as EventType,
    fields: Object.entries(schema.shape as Record<string, z.ZodType>)
      .filter(([name]) => !common.includes(name))
      .map(([name, field]) => (isOptional(field) ? `${name}?` : name)),
  }))
}

function isOptional(field: z.ZodType): boolean {
  return field instanceof z.ZodExactOptional
}

function keysOf<Key extends string>(table: Readonly<Record<Key, unknown>>): [Key, ...Key[]] {
  return Object.keys(table) as [Key, ...Key[]]
}
