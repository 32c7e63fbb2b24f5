// Sockets that were accepted and whose first message has not come yet: how many there may be, for how long, and how much
// they may say until then (R75). Networks that fail to prove a key too often wait outside (R87).

import { randomInt } from 'node:crypto'
import type { Socket } from 'node:net'
import { networkOf, withoutMapping } from './addresses.ts'
import { FailedProofs, type FailureLimits } from './failed-proofs.ts'

export interface LobbyLimits {
  /** From accept until `leave`. */
  readonly deadlineMs: number
  readonly max: number
  readonly perNetworkMax: number
  /** Of TLS, HTTP and the beginning of the first message. */
  readonly bytesMax: number
  /** A minute. */
  readonly failures: FailureLimits
  /** Whether a proxy speaks from this address: its limits are those of whom it speaks for. */
  isProxy(address: string): boolean
}

export type RemoteEnd = Pick<Socket, 'remoteAddress' | 'remotePort'>

interface Visitor {
  readonly socket: Socket
  network: string
  readonly deadline: number
  heardBytes: () => number
  /** Has proved a key: no crowd of strangers pushes it out. */
  isProven: boolean
}

export interface FailedProof {
  readonly address: string
  readonly identity: string
  readonly wasTried: boolean
}

const lookEveryMs = 100

export class Lobby {
  readonly #limits: LobbyLimits
  readonly #failures: FailedProofs
  /** By the peer's address and port: the TLS socket that leaves is not the raw one that entered. */
  readonly #visitors = new Map<string, Visitor>()
  #watch: NodeJS.Timeout | undefined

  constructor(limits: LobbyLimits) {
    this.#limits = limits
    this.#failures = new FailedProofs(limits.failures)
  }

  /** Admits a socket until it leaves, closes, is too slow or says too much. A crowded network is refused; a full lobby loses one of its strangers. */
  enter(socket: Socket): boolean {
    socket.on('error', () => {}) // Told by 'close'; under TLS nobody else listens.
    const address = socket.remoteAddress ?? ''
    const network = networkOf(address)
    if (network === '' || (!this.#limits.isProxy(address) && this.#isUnwelcome(network))) {
      socket.destroy()
      return false
    }
    if (this.#visitors.size >= this.#limits.max) this.#dropOne()
    const deadline = performance.now() + this.#limits.deadlineMs
    const visitor = { socket, network, deadline, heardBytes: () => socket.bytesRead, isProven: false }
    const name = nameOf(socket)
    this.#visitors.set(name, visitor)
    this.#watch ??= setInterval(() => this.#look(), lookEveryMs)
    socket.once('close', () => this.#forget(name, visitor))
    return true
  }

  /**
   * The address that the socket at `end` speaks for: its own, or if that is a proxy's, the last that no proxy is.
   * @param forwarded the addresses that the request came through, nearest last
   * @returns undefined if there are too many from there
   */
  speaksFor(end: RemoteEnd, forwarded: string | string[] | undefined): string | undefined {
    const own = end.remoteAddress ?? ''
    if (!this.#limits.isProxy(own)) return own
    const hops = String(forwarded ?? '').split(',')
    const named = hops.map((hop) => withoutMapping(hop.trim())).findLast((hop) => !this.#limits.isProxy(hop)) ?? ''
    const network = networkOf(named)
    if (network === '') return own // It names nobody: then it answers for him itself.
    const visitor = this.#visitors.get(nameOf(end))
    if (visitor === undefined || this.#isUnwelcome(network)) return undefined
    visitor.network = network
    return named
  }

  /** From here on `heardBytes` counts what the peer behind `end` says: under the upgrade his socket may not. */
  upgraded(end: RemoteEnd, heardBytes: () => number): void {
    const visitor = this.#visitors.get(nameOf(end))
    if (visitor !== undefined) visitor.heardBytes = heardBytes
  }

  /** The peer behind `end` has proved a key. */
  proven(end: RemoteEnd): void {
    const visitor = this.#visitors.get(nameOf(end))
    if (visitor !== undefined) visitor.isProven = true
  }

  /** The peer behind `end` is through. */
  leave(end: RemoteEnd): void {
    const name = nameOf(end)
    const visitor = this.#visitors.get(name)
    if (visitor !== undefined) this.#forget(name, visitor)
  }

  /** Whether somebody from this address may prove the key by this name at all. */
  mayProve(address: string, identity: string): boolean {
    return !this.#failures.isClosed(networkOf(address), identity)
  }

  /** Somebody named a key and did not have it. @param wasTried as it was told whether he may */
  proofFailed({ address, identity, wasTried }: FailedProof): void {
    this.#failures.note(networkOf(address), identity, wasTried)
  }

  clear(): void {
    for (const { socket } of this.#visitors.values()) socket.destroy()
  }

  #isUnwelcome(network: string): boolean {
    let count = 0
    for (const visitor of this.#visitors.values()) if (visitor.network === network) count += 1
    return count >= this.#limits.perNetworkMax || this.#failures.areTooMany(network)
  }

  /**
   * So a crowd that holds its places open keeps nobody out. Anyone, and not the oldest: a crowd that comes again and again
   * would outlast whoever is honest and far away every time, by chance it does so now and then.
   */
  #dropOne(): void {
    const all = [...this.#visitors]
    const strangers = all.filter(([, { isProven }]) => !isProven)
    const some = strangers.length > 0 ? strangers : all
    const [name, visitor] = some[randomInt(some.length)]!
    this.#forget(name, visitor)
    visitor.socket.destroy()
  }

  #look(): void {
    const now = performance.now()
    for (const { socket, deadline, heardBytes } of this.#visitors.values()) {
      if (now >= deadline || heardBytes() > this.#limits.bytesMax) socket.destroy()
    }
  }

  #forget(name: string, visitor: Visitor): void {
    if (this.#visitors.get(name) === visitor) this.#visitors.delete(name)
    if (this.#visitors.size > 0) return
    clearInterval(this.#watch)
    this.#watch = undefined
  }
}

function nameOf({ remoteAddress, remotePort }: RemoteEnd): string {
  return `${remoteAddress} ${remotePort}`
}
