// Puts one session together: what is on its disk, its core, its loop, its connections and the half that does the work. Read
// this file to see what belongs to a session while a process works on it.

import { assert, isTransferError } from '../errors.ts'
import type { Fingerprint } from '../model/manifest.ts'
import type { EntryOutcome } from '../model/messages.ts'
import { pathText } from '../model/names.ts'
import type { HeaderRecord, JournalRecord } from '../model/records.ts'
import type { CommitPurpose, Effect, SessionEnd } from '../core/effects.ts'
import type { Input } from '../core/inputs.ts'
import { Session } from '../core/session.ts'
import { openRoots } from '../source/roots.ts'
import { SourceFiles } from '../source/source-files.ts'
import { walk } from '../source/walk.ts'
import { openHints } from '../store/hints.ts'
import { writeReceipt } from '../store/receipts.ts'
import { openParts } from '../store/session-directory.ts'
import { BufferPool } from './buffers.ts'
import { Counters } from './counters.ts'
import { digestOfFile } from './digest-of-file.ts'
import { Links } from './links.ts'
import { Loop } from './loop.ts'
import { Receiver } from './receiver.ts'
import { type ReceivedState, type Restored, restoreJournal, restoreReceived } from './restore.ts'
import { Room } from './room.ts'
import type { Runner, RunnerOptions, RunnerView } from './runner.ts'
import { viewOf } from './runner-view.ts'
import { Sender } from './sender.ts'
import { settingsOf } from './settings.ts'

const buffersBesides = 6 // Two for each lane; beside these, two more where it is alone, and four to spare.

/**
 * Restores a session from its directory, whose lock is held, and begins to work on it.
 * @throws TransferError `journal-damaged`, `journal-version`, `journal-foreign`; faults of the disk
 */
export async function openRunner(options: RunnerOptions): Promise<Runner> {
  const { world, directory, session, isHeld } = options
  const restored = await restoreJournal(directory, world, options.rebuild === true, isHeld)
  const { header } = restored.checkpoint
  assert(header !== undefined && header.session === session, 'a session directory holds its own journal')
  const runner = new SessionRunner(options, restored, header)
  try {
    await runner.begin()
  } catch (error) {
    await runner.close()
    throw error
  }
  return runner
}

class SessionRunner implements Runner {
  readonly session: string
  readonly header: HeaderRecord
  readonly ended: Promise<SessionEnd>
  readonly #options: RunnerOptions
  readonly #restored: Restored
  readonly #links: Links
  readonly #counters = new Counters()
  readonly #work = new Set<Promise<void>>()
  readonly #closers: (() => Promise<void>)[] = []
  #core!: Session
  #loop!: Loop
  #half!: Sender | Receiver
  #room: Room | undefined
  #state: Effect & { kind: 'report' } = { kind: 'report', state: 'greeting', reason: null, who: null }
  #settle!: (end: SessionEnd) => void
  #isEnding = false

  constructor(options: RunnerOptions, restored: Restored, header: HeaderRecord) {
    this.#options = options
    this.#restored = restored
    this.session = options.session
    this.header = header
    this.ended = new Promise((resolve) => (this.#settle = resolve))
    const { clock, hash } = options.world
    this.#links = new Links(
      clock,
      hash,
      (input) => this.#tell(input),
      (reason) => this.#disconnected(reason),
    )
  }

  async begin(): Promise<void> {
    const { header } = this
    const received = header.role === 'receiver' ? await this.#openReceived() : undefined
    const { checkpoint, shapes } = this.#restored
    const settings = settingsOf(this.#options, header, checkpoint.bound)
    this.#core = Session.restore(settings, checkpoint, shapes, received?.state.adopted ?? [])
    if (received === undefined) await this.#beginSender()
    else received.begin()
    const { clock } = this.#options.world
    this.#loop = new Loop({
      clock,
      session: this.#core,
      carryOut: (effect) => this.#carryOut(effect),
      broke: (error, trace) => this.#broke(error, trace),
    })
    this.#loop.begin()
  }

  async #beginSender(): Promise<void> {
    const { world, walk: options } = this.#options
    const { journal, pages, checkpoint } = this.#restored
    assert(options !== undefined, 'a sender is told how to walk')
    const roots = await openRoots(world.disk, this.header.sources)
    const files = new SourceFiles(roots, { links: options.links })
    this.#closers.push(files.close.bind(files), roots.close.bind(roots))
    const revised = new Map<number, Fingerprint>()
    for (const { entry, fingerprint } of checkpoint.revised.values())
      if (fingerprint !== null) revised.set(entry, fingerprint)
    const behind = pages.nextEntry === 0 ? undefined : await pages.entry(pages.nextEntry - 1)
    const { chunkBytes } = this.#core // Of a session that is not agreed: the most that it can become.
    const digestOf = this.header.wishes.checksum ? digestOfFile(chunkBytes, world.hash) : undefined
    const walking = walk(roots, { behind, ...options, digestOf })
    this.#closers.push(async () => void (await walking.return()))
    this.#half = new Sender({
      world,
      journal,
      pages,
      files,
      walk: walking,
      links: this.#links,
      pool: new BufferPool(chunkBytes, () => buffersBesides + 2 * this.#core.lanes),
      counters: this.#counters,
      revised,
      chunkBytes: () => this.#core.chunkBytes,
      sizeOf: (entry) => this.#core.entries.size(entry),
      tell: (input) => this.#tell(input),
    })
  }

  async #openReceived(): Promise<{ state: ReceivedState; begin: () => void }> {
    const { world, directory, receive, observer } = this.#options
    const { journal, pages, checkpoint } = this.#restored
    assert(receive !== undefined, 'a receiver is told where to')
    const started = world.clock.now()
    const files = await openParts(directory)
    this.#closers.push(() => files.close())
    const state = await restoreReceived(this.#restored, directory, files, receive.target, world)
    if (state.bytesHinted > 0) {
      const { bytesHinted, bytesAdopted } = state
      observer({ kind: 'adopted', bytesHinted, bytesAdopted, durationMs: Math.round(world.clock.now() - started) })
    }
    if (state.bytesBad > 0) {
      const sentence = `${state.bytesBad} bytes on the disk are not what was received; they are asked for again.`
      observer({ kind: 'warning', code: 'rolled-back', sentence, path: null })
    }
    const hints = await openHints(directory, { hash: world.hash })
    this.#closers.push(() => hints.close())
    const { durability = 'checkpoint' } = checkpoint.bound?.shape ?? {}
    if (durability === 'checkpoint')
      await hints.reset(state.adopted.map(({ hole, ...place }) => ({ ...place, isHole: hole })))
    await hints.flush()
    const begin = (): void => {
      this.#room = new Room(world.clock, receive.target.root, () => this.#remainingBytes, {
        full: (neededBytes, freeBytes) => this.#tell({ kind: 'diskFilled', neededBytes, freeBytes }),
        cleared: () => this.#tell({ kind: 'diskCleared' }),
      })
      this.#half = new Receiver({
        world,
        session: this.#core,
        journal,
        pages,
        files,
        hints,
        target: receive.target,
        links: this.#links,
        room: this.#room,
        counters: this.#counters,
        maxBytes: receive.maxBytes,
        maxFiles: receive.maxFiles,
        reserve: receive.reserve,
        meter: receive.meter,
        revised: checkpoint.revised,
        tell: (input) => this.#tell(input),
        warn: (code, sentence) => observer({ kind: 'warning', code, sentence, path: null }),
      })
    }
    return { state, begin }
  }

  get #remainingBytes(): number {
    const { manifest, bytesAcknowledged, bytesOmitted } = this.#core.entries
    return manifest.bytes - bytesOmitted - bytesAcknowledged - this.#core.bytesStaged
  }

  // ---- what others do with it -------------------------------------------------------------------------------------

  connected: Runner['connected'] = (connection) => {
    this.#counters.connections++
    this.#links.connected(connection)
  }

  laneDialed: Runner['laneDialed'] = (lane, connection) => {
    if (connection === undefined) this.#tell({ kind: 'laneFailed', lane })
    else this.#links.laneConnected(connection, lane)
  }

  accepted: Runner['accepted'] = (connection, hello, records) => {
    if (hello.lane === 0) this.#counters.connections++
    return this.#links.accepted(connection, hello, records)
  }

  pause: Runner['pause'] = (by) => {
    if (!this.#isEnding && this.#half instanceof Receiver) void this.#half.flushHints()
    this.#tell({ kind: 'pauseRequested', by })
  }

  discard: Runner['discard'] = () => this.#tell({ kind: 'discardRequested' })

  note: Runner['note'] = (records) => this.#restored.journal.note(records)

  stop: Runner['stop'] = () => this.#end({ how: 'failed', code: 'retry-over', sentence: 'Stopped.' })

  get view(): RunnerView {
    const peer = this.#links.peerOf(this.#core.openConnection)
    return viewOf(this.#core, this.header.role, this.#state, this.#counters, peer)
  }

  outcomeOf: Runner['outcomeOf'] = (entry) => {
    const { entries } = this.#core
    return entry < entries.manifest.entries ? entries.outcome(entry) : undefined
  }

  // ---- effects ----------------------------------------------------------------------------------------------------

  #tell(input: Input): void {
    this.#loop.tell(input)
  }

  #carryOut(effect: Effect): void {
    const links = this.#links
    switch (effect.kind) {
      case 'send':
        return links.send(effect.connection, effect.message)
      case 'close':
        return links.close(effect.connection, effect.code, effect.reason)
      case 'destroy':
        return links.destroy(effect.connection, effect.reason)
      case 'dialLane':
        return this.#options.observer({ kind: 'laneWanted', lane: effect.lane })
      case 'commit':
        return this.#track(this.#commit(effect.records, effect.purpose))
      case 'note':
        return this.#restored.journal.note(effect.records)
      case 'storeReceipt':
        return this.#track(this.#storeReceipt(effect))
      case 'report':
        return this.#report(effect)
      case 'reportCheckpoint':
        this.#counters.checkpoints++
        return this.#options.observer({ ...effect, kind: 'checkpoint' })
      case 'reportOutcomes':
        return this.#track(this.#reportOutcomes(effect.outcomes))
      case 'hint':
        return this.#options.observer(effect)
      case 'warn':
        return this.#track(this.#warn(effect))
      case 'finish':
        return void this.#end(effect.end)
      case 'walkPage':
      case 'sendPage':
      case 'sendChunk':
      case 'sendPack':
      case 'checkSource':
      case 'rehash':
      case 'expectSource':
      case 'closeSource':
        return this.#track(this.#sender.carryOut(effect))
      case 'storePage':
      case 'surveyPage':
      case 'writeChunk':
      case 'writePack':
      case 'dropFrame':
      case 'syncData':
      case 'placeFiles':
      case 'removeParts':
      case 'revisePart':
      case 'finishTree':
      case 'digestSession':
        return this.#track(this.#receiver.carryOut(effect))
    }
  }

  get #sender(): Sender {
    assert(this.#half instanceof Sender, 'this side sends')
    return this.#half
  }

  get #receiver(): Receiver {
    assert(this.#half instanceof Receiver, 'this side receives')
    return this.#half
  }

  #disconnected(reason: string): void {
    if (!this.#core.isConnected && this.#core.needsConnection && !this.#isEnding)
      this.#options.observer({ kind: 'disconnected', reason, permanent: false })
  }

  /** Looks after work under way: its faults end the run, and the end waits for it. */
  #track(work: Promise<void>): void {
    const tracked: Promise<void> = work
      .catch((error: unknown) => this.#broke(error, []))
      .finally(() => this.#work.delete(tracked))
    this.#work.add(tracked)
  }

  async #commit(records: readonly JournalRecord[], purpose: CommitPurpose): Promise<void> {
    const { world } = this.#options
    const stamped = records.map((record) => (record.kind === 'ended' ? { ...record, at: world.clock.wall() } : record))
    for (const record of records)
      if (record.kind === 'revised') this.#restored.checkpoint.revised.set(record.entry, record)
    const commit = (): Promise<void> => this.#restored.journal.commit(stamped)
    if (stamped.length > 0) await (this.#room === undefined ? commit() : this.#room.use(commit))
    if (purpose.for === 'checkpoint' && this.#half instanceof Receiver) await this.#half.checkpointCommitted()
    this.#tell({ kind: 'committed', purpose })
  }

  async #storeReceipt({ receipt }: Effect & { kind: 'storeReceipt' }): Promise<void> {
    const { receipts } = this.#options
    const store = async (): Promise<void> => receipts && writeReceipt(receipts, receipt)
    await (this.#room === undefined ? store() : this.#room.use(store))
    this.#tell({ kind: 'receiptStored' })
  }

  #report(effect: Effect & { kind: 'report' }): void {
    this.#state = effect
    const { state, reason, who, neededBytes = null, freeBytes = null } = effect
    if (state === 'transferring') this.#counters.begun(this.#core)
    this.#options.observer({ kind: 'state', state, reason, who, neededBytes, freeBytes })
  }

  async #warn({ code, sentence, entry }: Effect & { kind: 'warn' }): Promise<void> {
    const path = entry === null ? null : pathText((await this.#restored.pages.entry(entry)).path)
    this.#options.observer({ kind: 'warning', code, sentence, path })
  }

  async #reportOutcomes(outcomes: readonly EntryOutcome[]): Promise<void> {
    const entries = await this.#restored.pages.many(outcomes.map(({ entry }) => entry))
    entries.forEach((entry, i) => {
      const bytes = entry.kind === 'file' ? entry.size : 0
      const outcome = entry.kind === 'omitted' ? { reason: entry.reason, ...outcomes[i]! } : outcomes[i]!
      this.#options.observer({ kind: 'outcome', path: entry.path, outcome, bytes })
    })
  }

  // ---- the end ----------------------------------------------------------------------------------------------------

  #broke(error: unknown, trace: readonly string[]): void {
    if (isTransferError(error)) void this.#end({ how: 'failed', code: error.code, sentence: error.message })
    else {
      const why = error instanceof Error ? (error.stack ?? error.message) : String(error)
      void this.#end({ how: 'failed', code: 'bug', sentence: `${why}\nLast inputs: ${trace.slice(-20).join(', ')}` })
    }
  }

  /** Closes everything once: what is under way ends first, so that nothing acknowledged is still in a queue. */
  async #end(end: SessionEnd): Promise<void> {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#loop.stop()
    this.#room?.stop()
    await this.#half.stop()
    this.#links.closeAll(4006, end.how)
    while (this.#work.size > 0) await Promise.all(this.#work)
    await this.#half.stop() // For what was written meanwhile.
    await this.close()
    this.#settle(end)
  }

  /** Lets go of all files. What cannot be closed well was not synced either, and promised nothing. */
  async close(): Promise<void> {
    const { pages, journal } = this.#restored
    const last = [() => pages.close(), () => journal.close()]
    for (const close of [...this.#closers.toReversed(), ...last]) await close().catch(() => undefined)
  }
}
