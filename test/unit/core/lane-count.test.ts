import { describe, expect, it } from 'vitest'
import { LaneCount } from '../../../src/core/lane-count.ts'

const KiB = 1024
const MiB = 1024 * KiB

/** A way: what TCP makes of it. */
interface Way {
  readonly roundTripMs: number
  /** Bytes that one lane may have on its way, once it has found its speed. */
  readonly socketBytes: number
  /** Bytes a millisecond that the link carries at most, all lanes together. */
  readonly linkRate: number
  /** Round trips until a lane that is dialed is there: TCP, TLS, WebSocket, hello. */
  readonly dialing?: number
  /** Between two moments nothing moves. */
  readonly stalled?: readonly [number, number]
}

const firstFlight = 14 * KiB // Ten packets.
const tickMs = 5

/** Data over lanes that begin slowly, in bursts of one a round trip, counted as frames of 1 MiB leave. */
class Lanes {
  readonly count: LaneCount
  readonly #way: Way
  readonly #joinsAt: number[] = []
  /** When a lane sends its next burst, and how much that is; the first one is lane 0. */
  #bursts: { at: number; bytes: number }[] = [{ at: 0, bytes: firstFlight }]
  #isZeroAlone = true
  #backlog = 0
  #sent = 0
  readonly counts: number[]
  now = 0

  constructor(way: Way, most = 8) {
    this.#way = way
    this.count = new LaneCount(1, most, MiB)
    this.count.begin(0, 0, way.roundTripMs)
    this.counts = [this.count.count]
    this.#dial()
  }

  #dial(): void {
    const { roundTripMs, dialing = 4 } = this.#way
    const have = this.#isZeroAlone ? 0 : this.#bursts.length
    const wanted = this.count.count > 1 ? this.count.count : 0
    for (let lane = have + this.#joinsAt.length; lane < wanted; lane++)
      this.#joinsAt.push(this.now + dialing * roundTripMs)
    if (!this.#isZeroAlone) this.#bursts.length = Math.min(this.#bursts.length, this.count.count)
  }

  /** In whole frames. */
  get bytes(): number {
    return Math.floor(this.#sent / MiB) * MiB
  }

  live(ms: number): this {
    const { roundTripMs, socketBytes, linkRate, stalled = [0, 0] } = this.#way
    for (const until = this.now + ms; this.now < until; this.now += tickMs) {
      while (this.#joinsAt[0] !== undefined && this.#joinsAt[0] <= this.now) {
        this.#joinsAt.shift()
        if (this.#isZeroAlone) this.#bursts = []
        this.#isZeroAlone = false
        this.#bursts.push({ at: this.now, bytes: firstFlight })
        this.count.joined(this.#bursts.length, this.now, this.bytes)
      }
      if (this.now < stalled[0] || this.now >= stalled[1]) {
        for (const burst of this.#bursts) {
          if (burst.at > this.now || this.#backlog > linkRate * roundTripMs) continue // A full queue holds all back.
          this.#backlog += burst.bytes
          burst.bytes = Math.min(2 * burst.bytes, socketBytes)
          burst.at = this.now + roundTripMs
        }
        const carried = Math.min(this.#backlog, linkRate * tickMs)
        this.#backlog -= carried
        this.#sent += carried
      }
      if (!this.count.look(this.now, this.bytes)) continue
      this.counts.push(this.count.count)
      this.#dial()
    }
    return this
  }
}

const far: Way = { roundTripMs: 100, socketBytes: 4 * MiB, linkRate: Infinity }
const near: Way = { ...far, roundTripMs: 1 }
const mbit = 125_000 / 1_000 // Bytes a millisecond.

const countsOver = (way: Way, most?: number): number[] => new Lanes(way, most).live(120_000).counts

describe('the number of lanes on a long way', () => {
  it.each<[string, Way, number[]]>([
    ['doubles while each lane carries as much as one', far, [2, 4, 8]],
    ['doubles where packets that get lost keep all of them slow', { ...far, socketBytes: 100 * KiB }, [2, 4, 8]],
    ['doubles on a way around the world', { ...far, roundTripMs: 400 }, [2, 4, 8]],
    ['doubles where lanes take long to join', { ...far, dialing: 30 }, [2, 4, 8]],
    ['goes back to the last step that paid', { ...far, linkRate: 1_200 * mbit }, [2, 4, 8, 4]],
    ['goes back where two fill the link', { ...far, linkRate: 400 * mbit }, [2, 4, 2]],
    ['goes back where one would fill the link', { ...far, linkRate: 100 * mbit }, [2, 4, 2]],
    ['goes back on a slow link, where frames are few', { ...far, linkRate: 3 * mbit }, [2, 4, 2]],
    ['goes back where a lane nearly fills the link', { ...far, roundTripMs: 25, linkRate: 1_000 * mbit }, [2, 4, 2]],
    ['is not judged by a time in which nothing moves', { ...far, stalled: [1_500, 4_000] }, [2, 4, 8]],
    ['is not judged by a moment in which nothing moves', { ...far, stalled: [2_600, 3_100] }, [2, 4, 8]],
  ])('%s', (_what, way, counts) => {
    expect(countsOver(way)).toEqual(counts)
  })

  it('is found in some forty round trips', () => {
    expect(new Lanes(far).live(4_000).count.count).toBe(8)
  })

  it('never passes the most there may be', () => {
    expect(countsOver(far, 6)).toEqual([2, 4, 6])
    expect(countsOver(far, 1)).toEqual([1])
    expect(countsOver(far, 2)).toEqual([2])
  })

  it('goes back from the most there may be, too', () => {
    expect(countsOver({ ...far, linkRate: 400 * mbit }, 3)).toEqual([2, 3, 2])
  })
})

describe('the number of lanes on a short way, or one of which nothing is known,', () => {
  it.each<[string, Way, number[]]>([
    ['stays one where one fills the link', { ...near, linkRate: 1_000 * mbit }, [1, 2, 1]],
    ['doubles where each lane carries as much as one', { ...near, socketBytes: 20 * KiB }, [1, 2, 4, 8]],
  ])('%s', (_what, way, counts) => {
    expect(countsOver(way)).toEqual(counts)
  })

  it('is one for as long as most transfers take', () => {
    expect(new Lanes(near).live(3_900).counts).toEqual([1])
    const unknown = new LaneCount(1, 8, MiB)
    unknown.begin(0, 0)
    expect([unknown.count, unknown.deadline]).toEqual([1, 2_000])
  })
})

describe('a step', () => {
  /** On its way from two lanes to four; one window of 300 ms told that two carry 10 frames. */
  function stepped() {
    const count = new LaneCount(2, 8, MiB)
    count.begin(0, 0, 100)
    count.joined(2, 0, 0)
    let [now, bytes] = [0, 0]
    /** Whether the number changes after a window of so many frames. */
    const pass = (frames: number, ms = 300): boolean => count.look((now += ms), (bytes += frames * MiB))
    expect([pass(10), pass(10), count.count]).toEqual([false, true, 4])
    return { count, pass, join: (lanes: number) => count.joined(lanes, now, bytes) }
  }

  it('is compared with what was carried until its lanes were there', () => {
    const { count, pass, join } = stepped()
    for (let i = 0; i < 10; i++) expect(pass(15)).toBe(false) // Two were still growing: that is not what four do.
    join(3)
    expect(pass(15)).toBe(false)
    join(4)
    for (let i = 0; i < 3; i++) expect(pass(15)).toBe(false)
    expect([pass(15), count.count, count.deadline]).toEqual([true, 2, undefined])
  })

  it('is a yes as soon as a window carries half as much again', () => {
    const { count, pass, join } = stepped()
    join(4)
    expect([pass(14), pass(15), count.count]).toEqual([false, true, 8])
  })

  it('is a yes where it carries a tenth more, once nothing new comes', () => {
    const { count, pass, join } = stepped()
    join(4)
    expect([11, 11, 11].map((frames) => pass(frames))).toEqual([false, false, false])
    expect([pass(11), count.count]).toEqual([true, 8])
  })

  it('is no no while its lanes find their speed', () => {
    const { count, pass, join } = stepped()
    join(4)
    expect([4, 6, 6, 8, 8, 8, 11, 11, 11, 11].map((frames) => pass(frames)).indexOf(true)).toBe(9)
    expect(count.count).toBe(8)
  })

  it('is not judged by a time in which nothing moves', () => {
    const { count, pass, join } = stepped()
    join(4)
    for (let i = 0; i < 10; i++) expect(pass(0)).toBe(false)
    expect([pass(15), count.count]).toEqual([true, 8])
  })

  it('that is the first one is taken once the lanes there are have begun', () => {
    const count = new LaneCount(2, 8, MiB)
    count.begin(0, 0, 100)
    count.joined(2, 0, 0)
    expect(count.look(300, 4 * MiB)).toBe(false)
    expect(count.look(600, 17 * MiB)).toBe(false) // More than three times as much: slow start.
    expect([count.look(900, 56 * MiB), count.count]).toEqual([true, 4])
  })

  it('is judged by who came, where others do not', () => {
    const { count, pass, join } = stepped()
    join(3)
    for (let ms = 0; ms < 10_000; ms += 300) expect(pass(10)).toBe(false)
    expect([10, 10, 10, 10].map((frames) => pass(frames)).at(-1)).toBe(true)
    expect(count.count).toBe(2)
  })

  it('is judged by bytes in time, however late one looks', () => {
    const { count, pass, join } = stepped()
    join(4)
    for (const ms of [600, 3_000, 900]) expect(pass(ms / 30, ms)).toBe(false)
    expect([pass(10), count.count]).toEqual([true, 2])
  })

  it('is not looked at once no data flows', () => {
    const { count, pass, join } = stepped()
    count.pause()
    join(4)
    expect([count.deadline, pass(20), count.deadline]).toEqual([undefined, false, undefined])
  })
})
