// Feeds inputs to one core, one at a time, in order, and hands out its effects; wakes the core at its deadline. Knows what
// neither inputs nor effects mean. Keeps the last few hundred inputs, so that a bug can be replayed from its report.

import type { Clock, Millis } from '../model/clock.ts'
import type { Effect } from '../core/effects.ts'
import type { Input } from '../core/inputs.ts'
import type { Session } from '../core/session.ts'

const traceMax = 300

export interface LoopOptions {
  readonly clock: Clock
  readonly session: Session
  readonly carryOut: (effect: Effect) => void
  /** The core or an effect failed an assertion: nothing more is handled. */
  readonly broke: (error: unknown, trace: readonly string[]) => void
}

export class Loop {
  readonly #options: LoopOptions
  #queue: Input[] = []
  #isBusy = false
  #isStopped = false
  #trace: string[] = []
  #wakeAt: Millis | undefined
  #cancelWake: (() => void) | undefined

  constructor(options: LoopOptions) {
    this.#options = options
  }

  begin(): void {
    const { session, clock } = this.#options
    this.#isBusy = true // What is told meanwhile waits its turn.
    this.#guard(() => this.#carryOutAll(session.begin(clock.now())))
    this.#isBusy = false
    this.#drain()
  }

  /** Tells the core that something has happened. May be called from within an effect. */
  tell(input: Input): void {
    if (this.#isStopped) return
    this.#queue.push(input)
    this.#drain()
  }

  stop(): void {
    this.#isStopped = true
    this.#queue = []
    this.#cancelWake?.()
  }

  #drain(): void {
    if (this.#isBusy) return
    this.#isBusy = true
    const { session, clock } = this.#options
    for (let input = this.#queue.shift(); input !== undefined; input = this.#queue.shift()) {
      const now = clock.now()
      const next = input
      this.#note(next, now)
      this.#guard(() => this.#carryOutAll(session.handle(next, now)))
    }
    this.#isBusy = false
    this.#setAlarm()
  }

  #carryOutAll(effects: readonly Effect[]): void {
    for (const effect of effects) this.#options.carryOut(effect)
  }

  #guard(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.stop()
      this.#options.broke(error, this.#trace)
    }
  }

  #note(input: Input, now: Millis): void {
    if (this.#trace.length >= traceMax) this.#trace.splice(0, traceMax / 2)
    const what = input.kind === 'messageArrived' ? `${input.kind} ${input.message.kind}` : input.kind
    this.#trace.push(`${Math.round(now)} ${what}`)
  }

  #setAlarm(): void {
    const { session, clock } = this.#options
    const deadline = this.#isStopped ? undefined : session.deadline
    if (deadline === this.#wakeAt) return
    this.#cancelWake?.()
    this.#wakeAt = deadline
    if (deadline === undefined) return
    this.#cancelWake = clock.after(Math.max(1, deadline - clock.now()), () => {
      this.#wakeAt = undefined
      this.tell({ kind: 'deadlinePassed' })
    })
  }
}
