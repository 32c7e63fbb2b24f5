// How often each network failed to prove a key lately. Guessing 256 bits is hopeless; this keeps it cheap for us as well.
// It counts by network, never by ticket: whoever saw an identity on the wire could lock its owner out.

const networksMax = 4_096 // Remembered; beyond that the one that failed longest ago is forgotten.
const minuteMs = 60_000

interface Level {
  /** Failures not yet forgiven, at the time `at`. */
  failures: number
  at: number
}

export class FailedProofs {
  readonly #perMinuteMax: number
  readonly #now: () => number
  /** In order of the last failure, oldest first. */
  readonly #levels = new Map<string, Level>()

  /** @param now milliseconds of a clock that never jumps */
  constructor(perMinuteMax: number, now: () => number = () => performance.now()) {
    this.#perMinuteMax = perMinuteMax
    this.#now = now
  }

  note(network: string): void {
    const failures = this.#failuresOf(network) + 1
    this.#levels.delete(network)
    this.#levels.set(network, { failures, at: this.#now() })
    if (this.#levels.size > networksMax) this.#levels.delete(this.#levels.keys().next().value!)
  }

  areTooMany(network: string): boolean {
    return this.#failuresOf(network) + 1 > this.#perMinuteMax
  }

  /** What is left of them: a minute forgives as many as it allows. */
  #failuresOf(network: string): number {
    const level = this.#levels.get(network)
    if (level === undefined) return 0
    return Math.max(0, level.failures - ((this.#now() - level.at) / minuteMs) * this.#perMinuteMax)
  }
}
