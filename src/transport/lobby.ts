// Sockets that were accepted and have not got through TLS and upgrade yet: how many there may be, and for how long.

import type { Socket } from 'node:net'

export interface LobbyLimits {
  /** From accept until `leave`. */
  readonly deadlineMs: number
  readonly max: number
  readonly perAddressMax: number
}

export type RemoteEnd = Pick<Socket, 'remoteAddress' | 'remotePort'>

interface Visitor {
  readonly socket: Socket
  readonly address: string
  readonly timer: NodeJS.Timeout
}

export class Lobby {
  readonly #limits: LobbyLimits
  /** By the peer's address and port, oldest first: the TLS socket that leaves is not the raw one that entered. */
  readonly #visitors = new Map<string, Visitor>()

  constructor(limits: LobbyLimits) {
    this.#limits = limits
  }

  /** Admits a socket until it leaves, closes or is too slow. A crowded address is refused; a full lobby loses its oldest. */
  enter(socket: Socket): void {
    socket.on('error', () => {}) // Told by 'close'; under TLS nobody else listens.
    const { remoteAddress: address, remotePort } = socket
    if (address === undefined || this.#countFrom(address) >= this.#limits.perAddressMax) {
      socket.destroy()
      return
    }
    if (this.#visitors.size >= this.#limits.max) this.#dropOldest()
    const name = `${address} ${remotePort}`
    const visitor = { socket, address, timer: setTimeout(() => socket.destroy(), this.#limits.deadlineMs) }
    this.#visitors.set(name, visitor)
    socket.once('close', () => this.#forget(name, visitor))
  }

  /** The peer behind `socket` is through. */
  leave({ remoteAddress, remotePort }: RemoteEnd): void {
    const name = `${remoteAddress} ${remotePort}`
    const visitor = this.#visitors.get(name)
    if (visitor !== undefined) this.#forget(name, visitor)
  }

  clear(): void {
    for (const { socket } of this.#visitors.values()) socket.destroy()
  }

  #countFrom(address: string): number {
    let count = 0
    for (const visitor of this.#visitors.values()) if (visitor.address === address) count += 1
    return count
  }

  /** So a crowd that holds its places open keeps nobody out; who is honest is through within a few round trips. */
  #dropOldest(): void {
    for (const [name, visitor] of this.#visitors) {
      this.#forget(name, visitor)
      visitor.socket.destroy()
      return
    }
  }

  #forget(name: string, visitor: Visitor): void {
    clearTimeout(visitor.timer)
    if (this.#visitors.get(name) === visitor) this.#visitors.delete(name)
  }
}
