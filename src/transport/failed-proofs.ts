// How often keys were not proved lately, by whom and which (R87). Guessing 256 bits is hopeless; this keeps it cheap for us as
// well. A network that failed too often waits outside. A key that was failed too often, from anywhere, is closed to those
// networks that failed it, and to no others: whoever saw its name on the wire cannot lock its owner out.

const namesMax = 4_096 // Remembered; beyond that the one that failed longest ago is forgotten.
const minuteMs = 60_000

interface Level {
  /** Failures not yet forgiven, at the time `at`. */
  failures: number
  at: number
}

export interface FailureLimits {
  readonly perNetworkMax: number
  readonly perIdentityMax: number
}

export class FailedProofs {
  readonly #networks: Failures
  readonly #identities: Failures
  /** Of a network at an identity. */
  readonly #pairs: Failures

  /** @param now milliseconds of a clock that never jumps */
  constructor({ perNetworkMax, perIdentityMax }: FailureLimits, now?: () => number) {
    this.#networks = new Failures(perNetworkMax, now)
    this.#identities = new Failures(perIdentityMax, now)
    this.#pairs = new Failures(perIdentityMax, now)
  }

  /** @param wasTried false if the key was closed to this network: that says nothing of it */
  note(network: string, identity: string, wasTried: boolean): void {
    this.#networks.note(network)
    if (!wasTried) return
    this.#identities.note(identity)
    this.#pairs.note(pairOf(network, identity))
  }

  /** Whether the network waits outside. */
  areTooMany(network: string): boolean {
    return this.#networks.areTooMany(network)
  }

  /** Whether the key by this name is closed to the network. */
  isClosed(network: string, identity: string): boolean {
    return this.#identities.areTooMany(identity) && this.#pairs.areSome(pairOf(network, identity))
  }
}

function pairOf(network: string, identity: string): string {
  return `${network} ${identity}`
}

/** Failures by name, forgiven as time goes by. */
class Failures {
  readonly #perMinuteMax: number
  readonly #now: () => number
  /** In order of the last failure, oldest first. */
  readonly #levels = new Map<string, Level>()

  constructor(perMinuteMax: number, now: () => number = () => performance.now()) {
    this.#perMinuteMax = perMinuteMax
    this.#now = now
  }

  note(name: string): void {
    const failures = this.#failuresOf(name) + 1
    this.#levels.delete(name)
    this.#levels.set(name, { failures, at: this.#now() })
    if (this.#levels.size > namesMax) this.#levels.delete(this.#levels.keys().next().value!)
  }

  areTooMany(name: string): boolean {
    return this.#failuresOf(name) + 1 > this.#perMinuteMax
  }

  areSome(name: string): boolean {
    return this.#failuresOf(name) > 0
  }

  /** What is left of them: a minute forgives as many as it allows. */
  #failuresOf(name: string): number {
    const level = this.#levels.get(name)
    if (level === undefined) return 0
    return Math.max(0, level.failures - ((this.#now() - level.at) / minuteMs) * this.#perMinuteMax)
  }
}
