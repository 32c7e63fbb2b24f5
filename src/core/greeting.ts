// Hello and welcome: how a connection becomes the open one. Both sides store the new epoch before they use it; a newer
// greeting takes over at once and never waits for an older connection to die (R38, R39).

import type { ErrorCode } from '../errors.ts'
import type { Millis } from '../model/clock.ts'
import { chunkBytesRange, clamp, epochJumpMax, lanesAutoMax, lanesRange, signOfLifeEveryMs } from '../model/limits.ts'
import type { ManifestState } from '../model/manifest.ts'
import {
  type Hello,
  type Message,
  protocolVersion,
  type Refuse,
  signOfLife,
  type Welcome,
  type Wishes,
} from '../model/messages.ts'
import type { JournalRecord } from '../model/records.ts'
import { isAsDurable, type Durability, type Role, type Shape, type ShapeWishes } from '../model/session.ts'
import type { Agreement, Hub } from './hub.ts'
import type { ConnectionId, Input } from './inputs.ts'
import { peerMust } from './violation.ts'

const earlyMax = 256 // Messages behind a welcome: pages and wants, a round trip's worth.

interface Greeting {
  readonly connection: ConnectionId
  /** Waiting for the peer: when something was last heard. Storing the epoch: when something was last said. */
  since: Millis
  /** What the welcome will say, or has said, once the epoch is stored. */
  epoch: number
  windowBytes: number
  lanes: number
  agreement: Agreement | undefined
  pagesAtPeer: number
  /** What the listener says behind its welcome, while our disk stores the epoch. */
  readonly early: Message[]
}

export class GreetingMachine {
  readonly #hub: Hub
  readonly #opened: (pagesAtPeer: number) => void
  readonly #hear: (message: Message) => void
  #greeting: Greeting | undefined
  #peerInstance = ''
  #peerAttempt = 0
  /** The process that welcomed this one last. */
  #welcomedBy = ''
  /** Newest epoch that is or may be on our disk, whether it was ever opened or not. */
  #epochStored: number

  /**
   * @param opened called when an epoch is stored here and the connection may be used
   * @param hear called then with the messages that came meanwhile
   */
  constructor(hub: Hub, opened: (pagesAtPeer: number) => void, hear: (message: Message) => void) {
    this.#hub = hub
    this.#opened = opened
    this.#hear = hear
    this.#epochStored = hub.epoch
  }

  /** Keeps a message that came behind the welcome until the epoch is stored; false if no welcome came yet. */
  keepEarly(message: Message): boolean {
    const greeting = this.#greeting
    if (greeting === undefined || greeting.epoch === 0 || this.isListener) return false
    peerMust(greeting.early.length < earlyMax, 'too many messages came behind the welcome')
    greeting.early.push(message)
    return true
  }

  /** The connection on which hello or welcome is under way. */
  get connection(): ConnectionId | undefined {
    return this.#greeting?.connection
  }

  // ---- dialer -----------------------------------------------------------------------------------------------------

  connected({ connection, attempt, roundTripMs }: Input & { kind: 'connected' }): void {
    this.#hub.roundTripMs = roundTripMs
    this.#greeting = this.#begin(connection)
    this.#hub.emit({ kind: 'send', connection, message: this.hello(0, attempt) })
  }

  hello(lane: number, attempt: number): Hello {
    const { settings, entries, agreement } = this.#hub
    return {
      kind: 'hello',
      versions: [protocolVersion],
      role: settings.role,
      session: settings.session,
      lane,
      epoch: lane === 0 ? this.#epochStored : this.#hub.epoch,
      instance: settings.instance,
      attempt,
      state: agreement === undefined ? 'greeting' : 'interrupted',
      capabilities: [],
      wishes: this.#wishes,
      shape: settings.wishes,
      nonce: settings.nonce,
      root: settings.root === '' ? null : settings.root,
      manifest: entries.manifest,
    }
  }

  welcomeArrived(welcome: Welcome): void {
    const hub = this.#hub
    const greeting = this.#greeting
    peerMust(greeting !== undefined && greeting.epoch === 0, 'a second welcome came')
    if (welcome.version !== protocolVersion)
      return hub.fail('version', `The other side chose protocol version ${welcome.version}.`)
    peerMust(welcome.epoch > this.#epochStored, 'the new epoch is not newer')
    peerMust(welcome.epoch <= this.#epochStored + epochJumpMax, 'the new epoch is too far ahead')
    const agreed = clampWishes(welcome.agreed, this.#wishes)
    if (hub.agreement !== undefined)
      peerMust(agreed.chunkBytes === hub.agreement.chunkBytes, 'the chunk size is not the one of this session')
    const { durability = 'checkpoint' } = welcome.shape
    const { settings } = hub
    peerMust(
      isAsDurable(durability, askedBy(settings.role, settings.wishes)),
      `it would be ${durability}, less than asked`,
    )
    const root = this.#rootOf(welcome.root)
    const fault = this.#mismatch(welcome.manifest, root, welcome.instance === this.#welcomedBy)
    if (fault !== undefined) return hub.fail(fault.code, fault.sentence)
    this.#welcomedBy = welcome.instance
    greeting.epoch = welcome.epoch
    greeting.windowBytes = agreed.windowBytes
    greeting.lanes = this.#lanesToOpen(welcome.agreed.lanes)
    greeting.agreement = hub.agreement ?? { chunkBytes: agreed.chunkBytes, shape: welcome.shape, root }
    greeting.pagesAtPeer = welcome.manifest.pages
    const bound: JournalRecord = {
      kind: 'bound',
      nonce: settings.nonce,
      sessionKey: settings.sessionKey,
      ...greeting.agreement,
    }
    this.#store(greeting, hub.agreement === undefined ? [bound] : [])
  }

  refused({ code, sentence, retry }: Refuse, connection: ConnectionId): void {
    const hub = this.#hub
    this.#greeting = undefined
    if (retry) hub.emit({ kind: 'destroy', connection, reason: `refused for now: ${sentence}` })
    else hub.finish({ how: 'failed', code: refusalCode(code), sentence })
  }

  // ---- listener ---------------------------------------------------------------------------------------------------

  helloArrived({ connection, hello, records }: Input & { kind: 'helloArrived' }): void {
    const hub = this.#hub
    const isStale = hello.instance === this.#peerInstance && hello.attempt < this.#peerAttempt
    if (isStale) return hub.emit({ kind: 'destroy', connection, reason: 'a newer attempt of the same peer was here' })
    const isSame = hello.instance === this.#peerInstance
    this.#peerInstance = hello.instance
    this.#peerAttempt = hello.attempt
    const { settings } = hub
    if (!hello.versions.includes(protocolVersion))
      return this.#refuse(connection, 'version', `Here ${protocolVersion}, there ${hello.versions.join(', ')}.`)
    if (hello.role === settings.role)
      return this.#refuse(connection, 'protocol', `Both sides are the ${settings.role}.`)
    const root = this.#rootOf(hello.root)
    const fault = this.#mismatch(hello.manifest, root, isSame)
    if (fault !== undefined) return this.#refuse(connection, fault.code, fault.sentence)

    const greeting = this.#begin(connection)
    this.#greeting = greeting
    const agreed = clampWishes(hello.wishes, this.#wishes)
    const newest = this.#epochStored
    greeting.epoch = Math.max(newest, Math.min(hello.epoch, newest + epochJumpMax - 1)) + 1
    greeting.windowBytes = agreed.windowBytes
    greeting.lanes = this.#lanesToLetIn(hello.wishes.lanes)
    greeting.pagesAtPeer = hello.manifest.pages
    greeting.agreement = hub.agreement ?? {
      chunkBytes: agreed.chunkBytes,
      shape: shapeOf(settings.role, settings.wishes, hello.shape),
      root,
    }
    const { chunkBytes, shape, root: itsRoot } = greeting.agreement // What a restored one holds besides is older than the record.
    this.#store(
      greeting,
      records.map((record) => (record.kind === 'bound' ? { ...record, chunkBytes, shape, root: itsRoot } : record)),
    )
  }

  #refuse(connection: ConnectionId, code: ErrorCode, sentence: string): void {
    this.#hub.emit({ kind: 'send', connection, message: { kind: 'refuse', code, sentence, retry: false } })
    this.#hub.emit({ kind: 'close', connection, code: 4007, reason: code })
  }

  // ---- both -------------------------------------------------------------------------------------------------------

  #begin(connection: ConnectionId): Greeting {
    const { now, windowBytes } = this.#hub
    return { connection, since: now, epoch: 0, windowBytes, lanes: 1, agreement: undefined, pagesAtPeer: 0, early: [] }
  }

  get #wishes(): Wishes {
    const { limits } = this.#hub.settings
    const lanes = limits.lanes === 'any' ? 1 : limits.lanes === 'auto' ? lanesAutoMax : limits.lanes
    return { chunkBytes: this.#hub.chunkBytes, windowBytes: limits.windowBytes, lanes }
  }

  /** Whoever names a number is heard, wherever he sits; where both do, the smaller one holds. */
  #lanesToLetIn(theirs: number): number {
    const { lanes, lanesMax } = this.#hub.settings.limits
    return typeof lanes === 'number' ? lanes : clamp(theirs, { ...lanesRange, max: lanesMax }, 1)
  }

  #lanesToOpen(agreed: number): number {
    const { lanes } = this.#hub.settings.limits
    return lanes === 'any' ? agreed : Math.min(lanes === 'auto' ? lanesAutoMax : lanes, agreed)
  }

  /** The root's id: our own, the one bound before, or the one the peer names. */
  #rootOf(theirs: string | null): string {
    const { settings } = this.#hub
    return settings.role === 'receiver' ? settings.root : (theirs ?? '')
  }

  /**
   * Why the peer's memory of this session does not fit ours (R47). `isSame`: it is the process that greeted last, which has
   * forgotten nothing; pages may have come over its older connection behind this greeting.
   */
  #mismatch(theirs: ManifestState, root: string, isSame: boolean): { code: ErrorCode; sentence: string } | undefined {
    const { settings, entries, agreement } = this.#hub
    const ours = entries.manifest
    if (settings.role === 'sender') {
      if (theirs.pages > ours.pages) return mismatch('the receiver holds manifest pages that this side never made')
      if (entries.digestAt(theirs.pages) !== theirs.digest) return mismatch('the manifest pages differ')
      if (agreement !== undefined && agreement.root !== root)
        return { code: 'root-mismatch', sentence: 'The other side now receives into another folder.' }
    } else {
      if (theirs.pages < ours.pages && !isSame) return mismatch('the sender has forgotten manifest pages that are here')
      if (theirs.pages <= ours.pages && entries.digestAt(theirs.pages) !== theirs.digest)
        return mismatch('the manifest pages differ')
    }
    return undefined
  }

  #store(greeting: Greeting, records: readonly JournalRecord[]): void {
    const { epoch, windowBytes, connection } = greeting
    this.#epochStored = epoch
    greeting.since = this.#hub.now
    this.#hub.commit([...records, { kind: 'opened', epoch, windowBytes }], { for: 'epoch', connection })
  }

  /** The epoch is on our disk: from here on only this connection counts. */
  committed(connection: ConnectionId): void {
    const hub = this.#hub
    const greeting = this.#greeting
    if (greeting?.connection !== connection || greeting.agreement === undefined) return // Overtaken, or lost meanwhile.
    this.#greeting = undefined
    if (hub.open !== undefined)
      hub.emit({ kind: 'destroy', connection: hub.open, reason: 'a newer connection took over' })
    hub.open = connection
    hub.epoch = greeting.epoch
    hub.agreement = greeting.agreement
    hub.windowBytes = greeting.windowBytes
    hub.lanes = greeting.lanes
    hub.phase = 'agreeing'
    hub.peerPaused = undefined
    if (this.isListener) hub.send(this.welcome())
    this.#opened(greeting.pagesAtPeer)
    for (const message of greeting.early) this.#hear(message)
  }

  get isListener(): boolean {
    return this.#peerInstance !== ''
  }

  get peerInstance(): string {
    return this.#peerInstance
  }

  /** To the open epoch. */
  welcome(): Welcome {
    const { settings, entries, epoch, windowBytes, lanes, agreement } = this.#hub
    return {
      kind: 'welcome',
      version: protocolVersion,
      epoch,
      instance: settings.instance,
      state: 'agreeing',
      capabilities: [],
      agreed: { chunkBytes: agreement!.chunkBytes, windowBytes, lanes },
      shape: agreement!.shape,
      root: settings.root === '' ? null : settings.root,
      manifest: entries.manifest,
    }
  }

  connectionEnded(connection: ConnectionId): void {
    if (this.#greeting?.connection === connection) this.#greeting = undefined
  }

  /** Bytes came in. */
  heard(connection: ConnectionId): void {
    const greeting = this.#greeting
    if (greeting?.connection === connection && !isStoring(greeting)) greeting.since = this.#hub.now
  }

  get deadline(): Millis | undefined {
    const greeting = this.#greeting
    if (greeting === undefined) return undefined
    return greeting.since + (isStoring(greeting) ? signOfLifeEveryMs : this.#hub.settings.limits.deadAfterMs)
  }

  /** A peer that takes the connection and never greets is given up like a silent one; our own disk may take its time. */
  deadlinePassed(): void {
    const { deadline } = this
    const greeting = this.#greeting
    if (greeting === undefined || deadline === undefined || this.#hub.now < deadline) return
    const { connection } = greeting
    if (isStoring(greeting)) {
      greeting.since = this.#hub.now
      this.#hub.emit({ kind: 'send', connection, message: signOfLife })
    } else {
      this.#hub.emit({ kind: 'destroy', connection, reason: 'no answer to the greeting' })
      this.#greeting = undefined
    }
  }
}

/** The epoch is agreed, and on its way to our disk. */
function isStoring({ epoch }: Greeting): boolean {
  return epoch !== 0
}

/** Why no trying again helps: one of the two was restored from an older state, or is another one. */
export function mismatch(sentence: string): { code: ErrorCode; sentence: string } {
  return { code: 'manifest-mismatch', sentence: `The two sides do not remember the same session: ${sentence}.` }
}

/** What both can live with: the smaller wish, but room for two frames. The simulator's chunks are small on both sides. */
function clampWishes(theirs: Wishes, ours: Wishes): { chunkBytes: number; windowBytes: number } {
  const chunkRange = { min: Math.min(chunkBytesRange.min, ours.chunkBytes), max: ours.chunkBytes }
  const windowRange = { min: Math.min(2 * ours.chunkBytes, ours.windowBytes), max: ours.windowBytes }
  return {
    chunkBytes: clamp(theirs.chunkBytes, chunkRange, ours.chunkBytes),
    windowBytes: clamp(theirs.windowBytes, windowRange, ours.windowBytes),
  }
}

/**
 * The receiver's policy wins over the sender's; whether content is compared is the sender's, which hashes it. How durable
 * it is the sender says, who believes the receipt, and the receiver may insist on more.
 */
function shapeOf(role: Role, ours: ShapeWishes, theirs: ShapeWishes): Shape {
  const [sender, receiver] = role === 'sender' ? [ours, theirs] : [theirs, ours]
  const asked = askedBy('sender', sender)
  const insisted = askedBy('receiver', receiver)
  const durability = isAsDurable(asked, insisted) ? asked : insisted
  return {
    onConflict: receiver.onConflict ?? sender.onConflict ?? 'fail',
    checksum: sender.checksum,
    ...(durability === 'checkpoint' ? {} : { durability }), // Left out, as by who knows of no other.
  }
}

function askedBy(role: Role, { durability }: ShapeWishes): Durability {
  return durability ?? (role === 'sender' ? 'checkpoint' : 'none')
}

const refusalCodes: ReadonlySet<string> = new Set<ErrorCode>([
  'version',
  'protocol',
  'manifest-mismatch',
  'root-mismatch',
  'session-unknown',
  'discarded',
  'expired',
  'ticket-refused',
  'ticket-expired',
  'ticket-revoked',
  'scope',
  'limit',
])

/** A code we know keeps its meaning; another one, from a newer peer, is shown as it came. */
export function refusalCode(code: string): ErrorCode {
  return refusalCodes.has(code) ? (code as ErrorCode) : 'peer-refused'
}
