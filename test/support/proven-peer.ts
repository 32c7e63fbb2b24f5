// A peer that speaks the protocol by hand to a listener over TLS, once it has proved a ticket.

import type { Connection } from '../../src/model/connection.ts'
import type { Ticket } from '../../src/model/ticket.ts'
import { dialAny } from '../../src/transport/dial.ts'
import { ticketIdentity, ticketKey } from '../../src/transport/keys.ts'
import { decodeMessage } from '../../src/wire/messages.ts'
import type { Told } from './raw-peer.ts'

/** Somebody who proved a ticket, and says what he likes. */
export class ProvenPeer {
  readonly told: Told[] = []
  #connection!: Connection
  #wake = (): void => {}
  #isGone = false

  static async with(ticket: Ticket): Promise<ProvenPeer> {
    const peer = new ProvenPeer()
    const key = { identity: ticketIdentity(ticket.id), hex: ticketKey(ticket.secret) }
    const signal = new AbortController().signal
    peer.#connection = await dialAny(ticket.addresses, { trust: 'psk', key, timeoutMs: 5_000, signal })
    const note = (change: () => void) => (): void => {
      change()
      peer.#wake()
    }
    peer.#connection.start({
      text: (text) => note(() => peer.told.push(decodeMessage(text) as unknown as Told))(),
      data: (_, release) => release?.(),
      ended: note(() => (peer.#isGone = true)),
    })
    return peer
  }

  say(value: unknown): void {
    this.#connection.sendText(JSON.stringify(value))
  }

  /** The first message of one of these kinds; undefined if the connection ends without. */
  until(...kinds: string[]): Promise<Told | undefined> {
    return this.untilThat(({ kind }) => kinds.includes(kind))
  }

  async untilThat(fits: (told: Told) => boolean): Promise<Told | undefined> {
    for (;;) {
      const found = this.told.find(fits)
      if (found !== undefined || this.#isGone) return found
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  leave(): void {
    this.#connection.destroy()
  }
}
