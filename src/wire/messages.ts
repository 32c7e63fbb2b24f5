// Messages as text frames and back: one JSON object each, told apart by `kind`, checked by a schema before anything of it
// is believed. What each field means and how far it may go: docs/protocol.md. Unknown keys are dropped, unknown kinds
// refused unless their sender marks them skippable.

import { TransferError, assert } from '../errors.ts'
import {
  codeMaxChars,
  controlMaxBytes,
  helloMaxBytes,
  outcomesPerMessageMax,
  pageEntriesMax,
  runsPerMessageMax,
  sentenceMaxChars,
} from '../model/limits.ts'
import { protocolVersion, type Hello, type Message } from '../model/messages.ts'
import type { Page } from '../model/manifest.ts'
import { nameBytes } from '../model/names.ts'
import type { PlaceRun } from '../model/places.ts'
import { parseJson } from './json.ts'
import { entriesToWire } from './manifest.ts'
import { outcomeToWire } from './outcomes.ts'
import { refusal } from './refusal.ts'
import { schemas, type WireKind } from './schemas.ts'

/**
 * The text frame of a message.
 * @throws TransferError `limit` if it would be longer than `controlMaxBytes`: lists are bounded by count, and names full of
 * control characters take six bytes for one
 */
export function encodeMessage(message: Message): string {
  return checked(message.kind, JSON.stringify(toWire(message)))
}

/**
 * The text frame of a page of the manifest, of which the entries are canonical text already.
 * @throws TransferError `limit` as `encodeMessage`
 */
export function encodePage({ page, first, digest, last }: Omit<Page, 'entries'>, entriesText: string): string {
  const head = JSON.stringify({ kind: 'manifest', page, first, digest, last })
  return checked('manifest', `${head.slice(0, -1)},"entries":${entriesText}}`)
}

function checked(kind: Message['kind'], text: string): string {
  if (isLonger(text, controlMaxBytes))
    throw new TransferError('limit', {
      what: `message ${kind}`,
      limit: controlMaxBytes,
      asked: nameBytes(text),
    })
  return text
}

/**
 * What a text frame says.
 * @throws TransferError `protocol` if it breaks the rules, `bad-name` if a name in it cannot be one, `version` if a `hello` or
 * `welcome` shares no version with us; nothing else, whatever the text
 */
export function decodeMessage(text: string): Message {
  if (isLonger(text, controlMaxBytes)) throw refusal(`a message is longer than ${controlMaxBytes} bytes`)
  const value = parseJson(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refusal('a message is not an object')
  const { kind, skippable } = value as { readonly kind?: unknown; readonly skippable?: unknown }
  if (typeof kind !== 'string') throw refusal('a message has no kind')
  if (isWireKind(kind)) return decodeKind(kind, value)
  if (skippable === true && unknownKind.test(kind)) return { kind: 'skippable', name: kind }
  throw refusal(`it sent a message of unknown kind "${kind.slice(0, codeMaxChars)}"`)
}

/**
 * The first message of a connection. Nobody has proved anything yet, so it may be `helloMaxBytes` long at most.
 * @throws as `decodeMessage`
 */
export function decodeHello(text: string): Hello {
  if (isLonger(text, helloMaxBytes)) throw refusal(`a first message is longer than ${helloMaxBytes} bytes`)
  const message = decodeMessage(text)
  if (message.kind !== 'hello') throw refusal(`it began with "${message.kind}" instead of "hello"`)
  return message
}

const unknownKind = new RegExp(`^[a-z][a-z0-9-]{0,${codeMaxChars - 1}}$`)

function isWireKind(kind: string): kind is WireKind {
  return Object.hasOwn(schemas, kind)
}

function decodeKind(kind: WireKind, value: object): Message {
  checkVersion(kind, value)
  const parsed = schemas[kind].safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  throw refusal(`in "${kind}", ${issue.path.join('.') || 'the whole'}: ${issue.message}`)
}

/** Before the schema: another version's greeting may well be of another shape. */
function checkVersion(kind: WireKind, value: { readonly versions?: unknown; readonly version?: unknown }): void {
  if (kind !== 'hello' && kind !== 'welcome') return
  const theirs: unknown = kind === 'hello' ? value.versions : [value.version]
  if (!Array.isArray(theirs) || !theirs.every(isVersion) || theirs.includes(protocolVersion)) return
  throw new TransferError('version', {
    ours: `v${protocolVersion}`,
    theirs:
      theirs
        .slice(0, 8)
        .map((v) => `v${v}`)
        .join(', ') || 'none',
  })
}

function isVersion(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

/** The same message with its compact parts in the form they travel in. */
function toWire(message: Message): object {
  switch (message.kind) {
    case 'manifest':
      assert(message.entries.length <= pageEntriesMax, 'a page has too many entries')
      return { ...message, entries: entriesToWire(message.entries) }
    case 'acknowledge':
      assert(message.places.length <= runsPerMessageMax, 'an acknowledge names too many places')
      assert(message.outcomes.length <= outcomesPerMessageMax, 'an acknowledge names too many outcomes')
      return {
        ...message,
        places: message.places.map(placeToWire),
        outcomes: message.outcomes.map((outcome) => outcomeToWire(outcome, cut)),
      }
    case 'sync':
      if (message.grade === 'minor') return message
      return { ...message, files: message.files.map(({ entry, revision, digest }) => [entry, revision, digest]) }
    case 'skippable':
      return { kind: message.name, skippable: true }
    case 'refuse':
    case 'exception':
    case 'abort':
      return { ...message, sentence: cut(message.sentence) }
    case 'hello':
    case 'welcome':
    case 'want':
    case 'resync':
    case 'hashes':
    case 'turn':
    case 'pause':
    case 'discard':
    case 'end':
    case 'receipt':
    case 'release':
    case 'released':
    case 'ping':
    case 'pong':
      return message
  }
}

function placeToWire({ entry, revision, first, count }: PlaceRun): readonly number[] {
  return [entry, revision, first, count]
}

/** A sentence is for people: a long path in it must not cost the connection. */
function cut(sentence: string): string {
  if (sentence.length <= sentenceMaxChars) return sentence
  return `${sentence.slice(0, sentenceMaxChars - 1).replace(/[\ud800-\udbff]$/, '')}…`
}

/** Counts bytes only where a count of characters does not answer. */
function isLonger(text: string, bytes: number): boolean {
  return text.length > bytes || (text.length * 3 > bytes && !isAscii.test(text) && nameBytes(text) > bytes)
}

// eslint-disable-next-line no-control-regex
const isAscii = /^[\0-\x7f]*$/
