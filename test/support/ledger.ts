// What was promised in one transfer, kept apart from both sides, and held against what the receiver says of where it stands
// at the beginning of every connection (R1). Also kept: that nothing is sent before it has said so, and that epochs only
// grow (R38). Used by the simulation, by crash tests and by power cuts.

import type { Acknowledge, Want, WantMessage } from '../../src/model/messages.ts'
import type { Place } from '../../src/model/places.ts'
import type { Durability, Outcome } from '../../src/model/session.ts'

/** All that was promised up to a moment. */
export interface Promises {
  readonly places: ReadonlyMap<string, Place>
  readonly outcomes: ReadonlyMap<number, Outcome>
}

export class Ledger {
  readonly #fail: (why: string) => void
  readonly #durability: Durability
  #places = new Map<string, Place>()
  #outcomes = new Map<number, Outcome>()
  /** What the receiver says of where it stands, by connection, until it has said all. */
  readonly #standings = new WeakMap<object, Want[] | 'whole'>()
  #epoch = 0

  /** @param durability what was asked for, and so what an acknowledge promises */
  constructor(fail: (why: string) => void, durability: Durability = 'checkpoint') {
    this.#fail = fail
    this.#durability = durability
  }

  get promises(): Promises {
    return { places: new Map(this.#places), outcomes: new Map(this.#outcomes) }
  }

  /** The receiver's disk is what it was when these were all its promises. */
  rollBack({ places, outcomes }: Promises): void {
    this.#places = new Map(places)
    this.#outcomes = new Map(outcomes)
  }

  /** The power of the receiver's machine was cut: what is left of its promises is what the level says (R20). */
  powerCut(): void {
    if (this.#durability !== 'checkpoint') this.#places.clear()
    if (this.#durability === 'none') this.#outcomes.clear()
  }

  /** What was made durable of an entry is gone, by no fault of carryon. */
  lost(entry: number): void {
    for (const [key, place] of this.#places) if (place.entry === entry) this.#places.delete(key)
  }

  /** The receiver hands an acknowledge to its connection: from here on it stands for it, whether anybody hears it or not. */
  acknowledgeSaid({ places, outcomes, level }: Acknowledge): void {
    if (level !== this.#durability) this.#fail(`R20: ${level} is said where ${this.#durability} was asked for`)
    for (const { entry, revision, first, count } of places)
      for (let chunk = first; chunk < first + count; chunk++) {
        const place = { entry, revision, chunk }
        this.#places.set(placeKey(place), place)
      }
    for (const { entry, outcome } of outcomes) this.#outcomes.set(entry, outcome)
  }

  /** The sender hands a data frame to its connection. */
  frameSent(link: object): void {
    if (!this.isWhole(link)) this.#fail('data was sent before the receiver had said where it stands')
  }

  /** Whether the receiver has said all of where it stands on this connection. */
  isWhole(link: object): boolean {
    return this.#standings.get(link) === 'whole'
  }

  /** The receiver says where it stands: at least at all that it had promised. */
  wantSaid(link: object, { wants, last }: WantMessage): void {
    const before = this.#standings.get(link) ?? []
    if (before === 'whole') return
    const all = [...before, ...wants]
    this.#standings.set(link, last ? 'whole' : all)
    if (last) this.#checkStanding(all)
  }

  /** What was acknowledged is called durable, or its entry is done, or in a newer revision. */
  #checkStanding(wants: readonly Want[]): void {
    for (const [key, place] of this.#places)
      if (!wants.some((want) => this.#covers(want, place))) this.#fail(`R1: ${key} was acknowledged and is not durable`)
    for (const [entry, outcome] of this.#outcomes) {
      const isSaid = wants.some((want) => want.need === 'done' && isIn(want, entry) && want.outcome === outcome)
      if (!isSaid) this.#fail(`R1: entry ${entry} was acknowledged as ${outcome} and is not`)
    }
  }

  /** Below `checkpoint` it is enough that it was received: the next sync point acknowledges it again. */
  #covers(want: Want, place: Place): boolean {
    if (want.need !== 'part' || this.#durability === 'checkpoint') return covers(want, place)
    return covers(want, place) || covers({ ...want, durable: want.received }, place)
  }

  /** Epochs only grow, whoever was killed or rolled back (R38). */
  welcomeSaid(epoch: number): void {
    if (epoch <= this.#epoch) this.#fail(`R38: epoch ${epoch} came behind ${this.#epoch}`)
    this.#epoch = epoch
  }

  /** A further lane only joins the epoch that is open. */
  laneJoined(epoch: number): void {
    if (epoch !== this.#epoch) this.#fail(`R38: a lane was welcomed to epoch ${epoch}, and ${this.#epoch} is open`)
  }

  /** Nobody who lives remembers a newer one. */
  epochsForgotten(newest: number): void {
    this.#epoch = newest
  }
}

/** Of a place, for maps. */
export const placeKey = ({ entry, revision, chunk }: Place): string => `${entry}:${revision}:${chunk}`

const isIn = (want: Want, entry: number): boolean =>
  entry >= want.from && entry < want.from + ('count' in want ? want.count : 1)

function covers(want: Want, { entry, revision, chunk }: Place): boolean {
  if (!isIn(want, entry)) return false
  if (want.need === 'done') return true
  if (want.need === 'all') return want.revision > revision
  if (want.need !== 'part') return false
  if (want.revision !== revision) return want.revision > revision
  return want.durable.some(([first, count]) => chunk >= first && chunk < first + count)
}
