// One end of a session: an input goes in, what must now be done comes out. Same history, same answers: no clock, no chance,
// no disk, no network in here. The halves of the work are sending.ts and receiving.ts; this file only says who hears what,
// and is longer than 400 lines because its tables of inputs and messages belong side by side.

import { InternalError } from '../errors.ts'
import type { Millis } from '../model/clock.ts'
import type { Message } from '../model/messages.ts'
import type { Durability, Outcome, Shape } from '../model/session.ts'
import type { Checkpoint } from './checkpoint.ts'
import { isAccepted } from './dialogue.ts'
import type { CommitPurpose, Effect } from './effects.ts'
import { type EntryTable, standing } from './entry-table.ts'
import { Goodbyes } from './goodbyes.ts'
import { GreetingMachine, refusalCode } from './greeting.ts'
import { earliest, Hub, type Phase, type Settings } from './hub.ts'
import type { AdoptedPlace, ConnectionId, Input, PageShape } from './inputs.ts'
import { Lanes } from './lanes.ts'
import { Liveness } from './liveness.ts'
import { Receiving } from './receiving.ts'
import { Sending } from './sending.ts'
import { Violation } from './violation.ts'

type ReceiverInput =
  | 'frameArrived'
  | 'pageStored'
  | 'pageSurveyed'
  | 'pageRefused'
  | 'chunkWritten'
  | 'chunkBad'
  | 'packWritten'
  | 'dataSynced'
  | 'filesPlaced'
  | 'partRevised'
  | 'treeFinished'
  | 'sessionDigested'
  | 'diskFilled'
  | 'diskCleared'

type SenderInput =
  | 'pageWalked'
  | 'pageSent'
  | 'chunkSent'
  | 'packSent'
  | 'sendFailed'
  | 'sourceFailed'
  | 'sourceChecked'
  | 'rehashed'
  | 'sourceGone'
  | 'sourceReturned'

export class Session {
  readonly #hub: Hub
  readonly #greeting: GreetingMachine
  readonly #lanes: Lanes
  readonly #liveness: Liveness
  readonly #sending: Sending | undefined
  readonly #receiving: Receiving | undefined
  readonly #goodbyes: Goodbyes

  private constructor(settings: Settings, checkpoint: Checkpoint) {
    const hub = new Hub(settings)
    this.#hub = hub
    hub.epoch = checkpoint.epoch
    hub.agreement = checkpoint.bound
    this.#greeting = new GreetingMachine(
      hub,
      (pagesAtPeer) => this.#opened(pagesAtPeer),
      (message) => this.#heard(message),
    )
    const greeting = this.#greeting
    this.#lanes = new Lanes(hub, {
      hello: (lane, attempt) => greeting.hello(lane, attempt),
      welcome: () => greeting.welcome(),
      get peerInstance() {
        return greeting.peerInstance
      },
      lost: (connection) => this.#sending?.outgoing.laneLost(connection),
      isOwed: (connection) => this.#sending?.outgoing.owes(connection) === true,
      joined: () => this.#sending?.outgoing.pump(),
    })
    const lanes = this.#lanes
    this.#sending = settings.role === 'sender' ? new Sending(hub, lanes, checkpoint) : undefined
    this.#receiving = settings.role === 'receiver' ? new Receiving(hub, lanes, checkpoint) : undefined
    const { syncPoints } = this.#receiving?.arrivals ?? {}
    this.#goodbyes = new Goodbyes(hub, {
      flush: () => (syncPoints ?? this.#sending?.outgoing)?.flush(),
      get isBusy() {
        return syncPoints?.isBusy === true || syncPoints?.isWriting === true
      },
      drain: () => lanes.drain(),
      get isDrained() {
        return lanes.isDrained
      },
    })
    this.#liveness = new Liveness(hub, this.#lanes, () => this.#sending?.outgoing.isOwed === true)
  }

  /** Where the journal left it, and not connected: connections are never saved. A new session has a header and no more. */
  static restore(
    settings: Settings,
    checkpoint: Checkpoint,
    pages: readonly PageShape[],
    adopted: readonly AdoptedPlace[],
  ): Session {
    const session = new Session(settings, checkpoint)
    session.#sending?.restorePages(pages)
    session.#receiving?.restorePages(pages, adopted)
    return session
  }

  /** The first effects: the walk begins, stored pages are surveyed. Once, before any input. */
  begin(now: Millis): readonly Effect[] {
    this.#hub.now = now
    this.#sending?.begin()
    this.#receiving?.ending.begin()
    this.#hub.report()
    return this.#hub.drain()
  }

  handle(input: Input, now: Millis): readonly Effect[] {
    const hub = this.#hub
    hub.now = now
    if (hub.end !== undefined) return []
    try {
      this.#liveness.noticeStop()
      this.#dispatch(input)
      this.#goodbyes.sayWhatIsDue()
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      hub.fail('protocol', error.message)
    }
    hub.report()
    return hub.drain()
  }

  /** When it wants to hear `deadlinePassed` if nothing else happens before. */
  get deadline(): Millis | undefined {
    if (this.#hub.end !== undefined) return undefined
    return earliest(
      this.#greeting.deadline,
      this.#liveness.deadline,
      this.#lanes.deadline,
      this.#sending?.releasing.deadline,
      this.#receiving?.deadline,
      this.#goodbyes.deadline,
    )
  }

  // ---- what others may read ---------------------------------------------------------------------------------------

  get entries(): EntryTable {
    return this.#hub.entries
  }
  /** A receiver's: written and not yet durable. */
  get bytesStaged(): number {
    return this.#receiving?.arrivals.bytesStaged ?? 0
  }
  get epoch(): number {
    return this.#hub.epoch
  }
  get openConnection(): ConnectionId | undefined {
    return this.#hub.open
  }
  /** Whether a connection is open or being greeted. */
  get isConnected(): boolean {
    return this.#hub.open !== undefined || this.#greeting.connection !== undefined
  }
  /** Whether another connection is of use: not once a sender has the receipt, nor behind the end. */
  get needsConnection(): boolean {
    return this.#hub.end === undefined && this.#sending?.releasing.receipt === undefined
  }
  /** Connections that carry data now. */
  get lanes(): number {
    return this.#lanes.count
  }
  get phase(): string {
    return this.#hub.phase
  }
  get chunkBytes(): number {
    return this.#hub.chunkBytes
  }
  get isBound(): boolean {
    return this.#hub.agreement !== undefined
  }
  get shape(): Shape | undefined {
    return this.#hub.agreement?.shape
  }
  get durability(): Durability {
    return this.#hub.durability
  }
  /** Bytes at the receiver that outlive a power cut. */
  get bytesDurable(): number {
    return this.#hub.bytesDurable
  }
  isDone(entry: number): boolean {
    return this.#hub.entries.standing(entry) === standing.done
  }
  outcome(entry: number): Outcome | undefined {
    return this.#hub.entries.outcome(entry)
  }

  // ---- inputs -----------------------------------------------------------------------------------------------------

  #dispatch(input: Input): void {
    switch (input.kind) {
      case 'connected':
        return this.#greeting.connected(input)
      case 'helloArrived':
        return (input.hello.lane === 0 ? this.#greeting : this.#lanes).helloArrived(input)
      case 'laneConnected':
        return this.#lanes.connected(input)
      case 'laneFailed':
        return this.#lanes.failed(input.lane)
      case 'messageArrived':
        return this.#messageArrived(input.connection, input.message)
      case 'peerBroke':
        if (this.#lanes.isOpen(input.connection) || input.connection === this.#greeting.connection)
          this.#hub.fail(input.code, input.sentence)
        return
      case 'connectionEnded':
        return this.#connectionEnded(input.connection, input.reason)
      case 'heard':
        this.#greeting.heard(input.connection)
        if (input.connection === this.#hub.open) this.#liveness.heard(input.arrivingBytes, input.isReading)
        this.#lanes.heard(input.connection, input.isReading)
        return
      case 'woke':
        return this.#liveness.woke(input.sleptMs)
      case 'deadlinePassed':
        return this.#deadlinePassed()
      case 'committed':
        return this.#committed(input.purpose)
      case 'pauseRequested':
        return this.#goodbyes.pauseRequested(input.by)
      case 'discardRequested':
        return this.#goodbyes.discardRequested()
      case 'frameArrived':
      case 'pageStored':
      case 'pageSurveyed':
      case 'pageRefused':
      case 'chunkWritten':
      case 'chunkBad':
      case 'packWritten':
      case 'dataSynced':
      case 'filesPlaced':
      case 'partRevised':
      case 'treeFinished':
      case 'sessionDigested':
      case 'diskFilled':
      case 'diskCleared':
        return this.#toReceiver(input)
      case 'pageWalked':
      case 'pageSent':
      case 'chunkSent':
      case 'packSent':
      case 'sendFailed':
      case 'sourceFailed':
      case 'sourceChecked':
      case 'rehashed':
      case 'sourceGone':
      case 'sourceReturned':
        return this.#toSender(input)
      case 'receiptStored':
        this.#sending?.releasing.receiptStored(this.#greeting.connection !== undefined)
        this.#receiving?.ending.receiptStored()
    }
  }

  #toReceiver(input: Input & { readonly kind: ReceiverInput }): void {
    const receiving = this.#receiving
    if (receiving === undefined) throw new InternalError(`a sender was told ${input.kind}`)
    switch (input.kind) {
      case 'frameArrived':
        return receiving.arrivals.frameArrived(input.connection, input.frame)
      case 'pageStored':
        return receiving.pageStored(input.shape, input.survey)
      case 'pageSurveyed':
        return receiving.pageSurveyed(input.survey)
      case 'pageRefused':
        return receiving.pageRefused(input.code, input.sentence)
      case 'chunkWritten':
        return receiving.arrivals.chunkWritten(input)
      case 'chunkBad':
        return receiving.arrivals.chunkBad(input.place, input.expected, input.found)
      case 'packWritten':
        return receiving.arrivals.packWritten(input)
      case 'dataSynced':
        return receiving.arrivals.syncPoints.dataSynced(input.serial, input.finished, input.syncMs)
      case 'filesPlaced':
        return receiving.arrivals.syncPoints.filesPlaced(input.serial, input.results)
      case 'partRevised':
        return receiving.arrivals.partRevised(input.entry)
      case 'treeFinished':
        return receiving.ending.treeFinished(input.outcomes)
      case 'sessionDigested':
        return receiving.ending.sessionDigested(input)
      case 'diskFilled':
        return receiving.diskFilled(input.neededBytes, input.freeBytes)
      case 'diskCleared':
        return receiving.diskCleared()
    }
  }

  #toSender(input: Input & { readonly kind: SenderInput }): void {
    const sending = this.#sending
    if (sending === undefined) throw new InternalError(`a receiver was told ${input.kind}`)
    switch (input.kind) {
      case 'pageWalked':
        return sending.pageWalked(input.shape)
      case 'pageSent':
        return sending.pageSent(input.connection)
      case 'chunkSent':
        sending.outgoing.chunkSent(input)
        return sending.endIfDone()
      case 'packSent':
        sending.outgoing.packSent(input)
        return sending.endIfDone()
      case 'sendFailed':
        sending.outgoing.sendFailed(input)
        return sending.endIfDone()
      case 'sourceFailed':
        return sending.outgoing.sourceFailed(input)
      case 'sourceChecked':
        return sending.outgoing.sourceChecked(input.entry, input.revision)
      case 'rehashed':
        return sending.outgoing.rehashed(input)
      case 'sourceGone':
        return sending.outgoing.sourceGone(true)
      case 'sourceReturned':
        return sending.outgoing.sourceGone(false)
    }
  }

  #opened(pagesAtPeer: number): void {
    this.#liveness.opened()
    this.#lanes.opened(!this.#greeting.isListener)
    this.#sending?.opened(pagesAtPeer)
    this.#receiving?.opened()
  }

  #connectionEnded(connection: ConnectionId, reason: string): void {
    const hub = this.#hub
    const wasGreeting = connection === this.#greeting.connection
    this.#greeting.connectionEnded(connection)
    this.#lanes.ended(connection)
    if (wasGreeting && hub.open === undefined) this.#sending?.closed()
    if (connection !== hub.open) return
    hub.open = undefined
    this.#lanes.closed()
    hub.lostBy = reason === 'peer-silent' || reason === 'no-progress' ? reason : 'network'
    hub.phase = 'greeting'
    this.#goodbyes.connectionEnded()
    this.#sending?.closed()
    this.#receiving?.closed()
  }

  #deadlinePassed(): void {
    this.#greeting.deadlinePassed()
    this.#liveness.deadlinePassed()
    this.#lanes.deadlinePassed()
    this.#sending?.releasing.deadlinePassed()
    this.#receiving?.deadlinePassed()
  }

  #committed(purpose: CommitPurpose): void {
    switch (purpose.for) {
      case 'epoch':
        return this.#greeting.committed(purpose.connection)
      case 'checkpoint':
        return this.#receiving!.arrivals.syncPoints.checkpointCommitted(purpose.serial)
      case 'outcomes':
        return this.#receiving!.arrivals.cycleOutcomesCommitted(purpose.serial)
      case 'given-up':
        return this.#receiving!.arrivals.outcomesCommitted(purpose.outcomes)
      case 'revision':
        this.#sending?.outgoing.revisionCommitted(purpose.entry)
        this.#receiving?.arrivals.revisionCommitted(purpose.entry)
        return
      case 'tree':
        return this.#receiving!.ending.treeCommitted(purpose.outcomes)
      case 'receipt':
        this.#sending?.releasing.receiptCommitted()
        this.#receiving?.ending.receiptCommitted()
        return
      case 'pause':
        return this.#goodbyes.pauseCommitted()
      case 'end':
        if (this.#goodbyes.endCommitted()) return
        this.#sending?.releasing.endCommitted()
        this.#receiving?.ending.endCommitted()
    }
  }

  // ---- messages ---------------------------------------------------------------------------------------------------

  #messageArrived(connection: ConnectionId, message: Message): void {
    const hub = this.#hub
    if (this.#lanes.has(connection)) return this.#lanes.messageArrived(connection, message)
    const isGreeting = connection === this.#greeting.connection
    if (!isGreeting && connection !== hub.open) return // An older connection's last words.
    if (!isGreeting) return message.kind === 'abort' ? this.#abortArrived(connection, message) : this.#heard(message)
    if (message.kind !== 'abort' && this.#greeting.keepEarly(message)) return
    this.#mustBeAccepted('greeting', message)
    if (message.kind === 'welcome') this.#greeting.welcomeArrived(message)
    else if (message.kind === 'refuse') {
      if (this.#sending?.releasing.refused() !== true) this.#greeting.refused(message, connection)
    } else if (message.kind === 'abort') this.#abortArrived(connection, message)
  }

  /** A message of the open connection. */
  #heard(message: Message): void {
    this.#mustBeAccepted(this.#hub.phase, message)
    this.#inDialogue(message)
  }

  #mustBeAccepted(phase: Phase, { kind }: Message): void {
    if (!isAccepted(this.#hub.settings.role, phase, kind)) throw new Violation(`\`${kind}\` came while ${phase}`)
  }

  #inDialogue(message: Message): void {
    const sending = this.#sending
    const receiving = this.#receiving
    switch (message.kind) {
      case 'want':
        this.#liveness.moved()
        return sending!.wantArrived(message)
      case 'acknowledge':
        this.#liveness.moved()
        return sending!.acknowledgeArrived(message)
      case 'turn':
        return sending!.outgoing.turnArrived(message)
      case 'receipt':
        return sending!.releasing.receiptArrived(message)
      case 'released':
        return sending!.releasing.releasedArrived()
      case 'manifest':
        return receiving!.manifestArrived(message)
      case 'sync':
        return receiving!.arrivals.syncArrived(message)
      case 'resync':
        return receiving!.arrivals.resyncArrived(message)
      case 'end':
        return receiving!.ending.endArrived(message)
      case 'release':
        return receiving!.ending.releaseArrived()
      case 'hashes':
        if (message.way === 'answer') return this.#senderOnly(message.kind).outgoing.hashesArrived(message)
        return this.#receiverOnly(message.kind).arrivals.hashesAsked(message)
      case 'exception':
        sending?.exceptionArrived(message)
        return receiving?.arrivals.exceptionArrived(message)
      case 'pause':
        return this.#goodbyes.pauseArrived(message.confirm, message.reason)
      case 'discard':
        return this.#goodbyes.discardArrived(message.confirm)
      case 'ping':
      case 'pong':
        return this.#liveness.pingArrived(message)
      case 'skippable':
        return
      case 'hello':
      case 'welcome':
      case 'refuse':
      case 'abort':
        throw new InternalError(`${message.kind} is heard elsewhere`)
    }
  }

  #senderOnly(kind: string): Sending {
    if (this.#sending === undefined) throw new Violation(`\`${kind}\` answers what was never asked`)
    return this.#sending
  }

  #receiverOnly(kind: string): Receiving {
    if (this.#receiving === undefined) throw new Violation(`\`${kind}\` was asked of the sender`)
    return this.#receiving
  }

  /** The peer ends the connection, and for some reasons the session in its process. */
  #abortArrived(connection: ConnectionId, { code, sentence }: Message & { kind: 'abort' }): void {
    if (permanentAborts.includes(code)) this.#hub.finish({ how: 'failed', code: refusalCode(code), sentence })
    else this.#hub.emit({ kind: 'destroy', connection, reason: `the other side ended it: ${sentence}` })
  }
}

/** Behind these nobody has to dial again. */
const permanentAborts: readonly string[] = [
  ...(['protocol', 'bad-name', 'limit', 'manifest-mismatch', 'root-mismatch', 'version'] as const),
  ...(['ticket-expired', 'ticket-revoked'] as const),
]
