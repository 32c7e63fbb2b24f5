// Listens in on the connections of one run: tells the checks what is said, sent and delivered, and marks what is seen.

import type { Message } from '../../src/model/messages.ts'
import type { Role } from '../../src/model/session.ts'
import type { Hash64 } from '../../src/model/hash.ts'
import { readHeader } from '../../src/wire/frames.ts'
import type { Ledger } from '../support/ledger.ts'
import type { DiskCheck } from './disk-check.ts'
import type { DiskWatch } from './disk-watch.ts'
import type { Heard } from './heard.ts'
import { type End, type Freight, isSignOfLife, type Link, messageIn, type Trouble, type Watcher } from './link.ts'
import type { Mark, Marks } from './marks.ts'
import { frameText } from './session.ts'
import type { WindowCheck } from './window-check.ts'

export interface TapTools {
  readonly hash: Hash64
  readonly heard: Heard
  readonly ledger: Ledger
  readonly diskCheck: DiskCheck
  readonly window: WindowCheck
  readonly watch: DiskWatch
  readonly marks: Marks
  readonly fail: (why: string) => void
  readonly note: (what: string) => void
  readonly isLogging: boolean
  /** The receiver has said on this connection where it stands: data may come. */
  readonly ready: (link: Link) => void
  readonly troubled: () => void
}

const pastMax = 30 // Frames kept to come again.
const ownPath = /\/(src|dst|state)\b/ // Below the root, where the peer knows names, they begin with no slash.

export class Tap implements Watcher {
  readonly #tools: TapTools
  /** Of the newest connection that each side has opened. */
  readonly #opened: Record<Role, number> = { sender: 0, receiver: 0 }
  /** Lane 0 of each epoch. */
  readonly #zeros = new Map<number, Link>()
  /** Some of the data frames sent so far. */
  readonly past: Uint8Array[] = []

  constructor(tools: TapTools) {
    this.#tools = tools
  }

  troubled(what: Trouble): void {
    this.#tools.marks.note(what)
    this.#tools.troubled()
  }

  // ---- handed to a connection -------------------------------------------------------------------------------------

  sent({ owner, link }: End, freight: Freight): void {
    if (freight.kind === 'data') this.#frameSent(link, freight.frame)
    if (freight.kind !== 'text') return
    if (ownPath.test(freight.text)) this.#tools.fail(`the ${owner.role} tells a path of its machine: ${freight.text}`)
    if (isSignOfLife(freight)) return this.#isOpened(owner.role, link)
    const message = messageIn(freight)
    if (!greetings.has(message.kind)) this.#isOpened(owner.role, link)
    if (owner.role === 'sender' && lastWords.has(message.kind)) link.isDone = true
    if (owner.role === 'sender') this.#saidBySender(message)
    else this.#saidByReceiver(link, message)
    if (message.kind !== 'welcome') return
    this.#welcomed(link, message.epoch, message.agreed.windowBytes)
    this.#isOpened(owner.role, link)
  }

  #isOpened(role: Role, link: Link): void {
    this.#opened[role] = Math.max(this.#opened[role], link.epoch)
  }

  #frameSent(link: Link, frame: Uint8Array): void {
    const { ledger, window, heard, marks, hash, fail } = this.#tools
    const { kind, epoch } = readHeader(frame, hash)
    const zero = this.#zeros.get(epoch) ?? link
    ledger.frameSent(zero)
    if (epoch !== link.epoch) fail(`R38: a frame of epoch ${epoch} is sent over a connection of epoch ${link.epoch}`)
    if (kind === 'pack') marks.note('pack')
    if (kind === 'zeros') marks.note('hole')
    const losses = window.laneLosses
    for (const { place, bytes } of heard.frameSent(frame)) window.sent(zero, link, place, bytes)
    if (window.laneLosses > losses) marks.note('lane lost, and its places sent again')
    this.past.push(frame.slice())
    if (this.past.length > pastMax) this.past.shift()
  }

  #welcomed(link: Link, epoch: number, windowBytes: number): void {
    const { window, marks, ledger } = this.#tools
    link.epoch = epoch
    if (link.lane > 0) {
      marks.note('lane joined')
      return ledger.laneJoined(epoch)
    }
    this.#zeros.set(epoch, link)
    ledger.welcomeSaid(epoch)
    window.windowBytes = Math.max(window.windowBytes, windowBytes)
  }

  /** This side may have forgotten what only it knew. */
  forgot(role: Role): void {
    this.#opened[role] = 0
    this.past.length = 0 // An epoch that nobody remembers may come again; its frames had better not.
    this.#tools.ledger.epochsForgotten(this.#opened[role === 'sender' ? 'receiver' : 'sender'])
  }

  #saidBySender(message: Message): void {
    const { heard, window, marks } = this.#tools
    if (message.kind === 'manifest') {
      heard.manifestSaid(message)
      if (message.page > 0) marks.note('several pages')
    } else if (message.kind === 'resync') {
      heard.resyncSaid(message)
      window.revised(message)
      marks.note('revision announced')
    } else if (message.kind === 'hashes') marks.note('hashes asked')
  }

  #saidByReceiver(link: Link, message: Message): void {
    const { ledger, diskCheck, marks, ready } = this.#tools
    if (message.kind === 'acknowledge') {
      ledger.acknowledgeSaid(message)
      diskCheck.acknowledgeSaid(message)
      for (const { outcome } of message.outcomes)
        if (outcomeMarks.has(`outcome ${outcome}`)) marks.note(`outcome ${outcome}` as Mark)
    } else if (message.kind === 'want') {
      const wasWhole = ledger.isWhole(link)
      ledger.wantSaid(link, message)
      if (!wasWhole && ledger.isWhole(link)) ready(link)
      for (const want of message.wants) {
        if (want.need === 'again') marks.note('chunk asked again')
        if (want.need === 'done' && want.outcome === 'unchanged') marks.note('outcome unchanged')
      }
    } else if (message.kind === 'turn' && message.holder === 'receiver') marks.note('turn held')
    else if (message.kind === 'receipt') this.#receiptGiven()
  }

  #receipts = 0
  #receiptGiven(): void {
    if (this.#receipts++ > 0) this.#tools.marks.note('receipt given again')
  }

  // ---- delivered --------------------------------------------------------------------------------------------------

  delivered({ owner: { role }, link }: End, freight: Freight): void {
    const { isLogging, note, hash } = this.#tools
    if (freight.kind === 'data') {
      if (isLogging) note(`${role} <- ${frameText(freight.frame, hash)}`)
      return this.#frameDelivered(link, freight.frame)
    }
    if (freight.kind === 'close') return note(`${role} <- close ${freight.code}`)
    if (isLogging) note(`${role} <- ${freight.text.slice(0, 200)}`)
    if (isSignOfLife(freight)) return
    const message = messageIn(freight)
    if (role === 'receiver' && message.kind === 'sync') this.#tools.heard.syncHeard(message)
    if (role === 'sender' && message.kind === 'acknowledge') this.#tools.window.acknowledged(message)
    if (role === 'sender' && message.kind === 'want') for (const want of message.wants) this.#tools.window.wanted(want)
  }

  #frameDelivered(link: Link, frame: Uint8Array): void {
    const { watch, marks, heard, hash } = this.#tools
    const { epoch } = readHeader(frame, hash)
    if (epoch === link.epoch && epoch >= this.#opened.receiver) return heard.frameHeard(frame)
    watch.staleFrame(frame)
    marks.note('stale frame dropped')
  }
}

const greetings: ReadonlySet<Message['kind']> = new Set(['hello', 'welcome', 'refuse', 'abort'])

/** Behind one of these the sender says no more of its files. */
const lastWords: ReadonlySet<Message['kind']> = new Set(['end', 'pause', 'discard', 'release'])

const outcomeMarks: ReadonlySet<string> = new Set([
  'outcome renamed',
  'outcome conflict',
  'outcome replaced',
  'outcome failed',
  'outcome vanished',
])
