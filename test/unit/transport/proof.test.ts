// The three messages of the proof, each side against one who speaks by hand: what is said, and what anything else leads to.

import { describe, expect, it } from 'vitest'
import { askForProof, type Converser, type Examiner, ProofRefused, proveTo } from '../../../src/transport/proof.ts'
import { macOf } from '../../support/certificates.ts'

const ticket = { identity: `t.${'1'.repeat(32)}`, hex: '5a'.repeat(32) }
const binding = 'b1'.repeat(32)
const [listenerNonce, dialerNonce] = ['aa'.repeat(32), 'dd'.repeat(32)]

/** One end of a connection: `hear` and `end` are what comes over it, `did` what was done to it. */
class End implements Converser {
  readonly said: Record<string, string>[] = []
  readonly did: string[] = []
  #handlers: Parameters<Converser['converse']>[0] | undefined

  converse(handlers: Parameters<Converser['converse']>[0]): void {
    this.#handlers = handlers
  }
  hear(text: unknown): void {
    this.#handlers!.text(typeof text === 'string' ? text : JSON.stringify(text))
  }
  end(code: number, detail: string): void {
    this.#handlers!.ended(code, detail)
  }
  sendText(text: string): void {
    this.said.push(JSON.parse(text) as Record<string, string>)
  }
  proved(identity: string): void {
    this.did.push(`proved ${identity}`)
  }
  close(code: number, reason: string): void {
    this.did.push(`close ${code} ${reason}`)
  }
  destroy(): void {
    this.did.push('destroy')
  }
}

const challenge = { kind: 'challenge', nonce: listenerNonce }
const nonsense = ['', '{', 'null', '"proof"', '7', '[]', '{"kind":{}}']

describe('a dialer', () => {
  function dialer() {
    const end = new End()
    return { end, proving: proveTo(end, ticket, binding) }
  }

  /** The answer of a listener that knows the key, or of one that knows another. */
  function proven(end: End, key = ticket): Record<string, string> {
    const { nonce } = end.said[0]!
    return { kind: 'proven', mac: macOf('listener', key, { binding, listenerNonce, dialerNonce: nonce! }) }
  }

  it('answers a challenge with a proof that is bound to both nonces and the connection, and takes the other one', async () => {
    const { end, proving } = dialer()
    end.hear(challenge)
    const { nonce } = end.said[0]!
    const mac = macOf('dialer', ticket, { binding, listenerNonce, dialerNonce: nonce! })
    expect(end.said).toEqual([{ kind: 'proof', identity: ticket.identity, nonce, mac }])
    expect(end.did).toEqual([])
    end.hear(proven(end))
    await proving
    expect(end.did).toEqual([`proved ${ticket.identity}`])
  })

  it('never says the same nonce twice', () => {
    const nonces = [dialer(), dialer()].map(({ end }) => {
      end.hear(challenge)
      return end.said[0]!['nonce']
    })
    expect(nonces[0]).toMatch(/^[0-9a-f]{64}$/)
    expect(nonces[1]).not.toBe(nonces[0])
  })

  it.each([
    ...nonsense,
    { ...challenge, kind: 'proven' },
    { kind: 'challenge' },
    { ...challenge, nonce: `${listenerNonce}0` },
    { ...challenge, nonce: `0${listenerNonce}` },
    { ...challenge, nonce: listenerNonce.toUpperCase() },
    { ...challenge, nonce: [listenerNonce] },
  ])('says nothing to who opens with %j', async (text) => {
    const { end, proving } = dialer()
    end.hear(text)
    await expect(proving).rejects.toThrow('it asks for no proof')
    expect([end.said, end.did]).toEqual([[], []])
  })

  it.each([
    ...nonsense,
    { kind: 'proven' },
    { kind: 'proven', mac: 'no hex' },
    { kind: 'proven', mac: macOf('listener', ticket, { binding, listenerNonce, dialerNonce }) },
  ])('is not taken in by %j', async (text) => {
    const { end, proving } = dialer()
    end.hear(challenge)
    end.hear(text)
    await expect(proving).rejects.toThrow('it does not know the secret of the ticket')
    expect(end.did).toEqual([])
  })

  it.each(['another kind', 'another key', 'half of it', 'its own proof'])(
    'is not taken in by an answer of %s',
    async (what) => {
      const { end, proving } = dialer()
      end.hear(challenge)
      const right = proven(end)
      if (what === 'another kind') end.hear({ ...right, kind: 'proof' })
      if (what === 'another key') end.hear(proven(end, { ...ticket, hex: '5b'.repeat(32) }))
      if (what === 'half of it') end.hear({ ...right, mac: right['mac']!.slice(0, 32) })
      if (what === 'its own proof') end.hear({ ...right, mac: end.said[0]!['mac'] })
      await expect(proving).rejects.toThrow('it does not know the secret of the ticket')
      expect(end.did).toEqual([])
    },
  )

  it('tells a refusal from a connection that ended', async () => {
    const [refused, cut] = [dialer(), dialer()]
    refused.end.end(4003, 'ticket-refused')
    await expect(refused.proving).rejects.toBeInstanceOf(ProofRefused)
    cut.end.end(1006, 'gone')
    await expect(cut.proving).rejects.toMatchObject({ code: 'ECONNRESET', message: 'gone' })
  })
})

describe('a listener', () => {
  function listener(keys: Readonly<Record<string, string>> = { [ticket.identity]: ticket.hex }) {
    const end = new End()
    const failed: string[] = []
    const examiner: Examiner = {
      binding,
      keyFor: (identity) => keys[identity],
      onProven: () => end.did.push('handed over'),
      onFailed: (identity) => failed.push(identity),
    }
    askForProof(end, examiner)
    return { end, failed, nonce: end.said[0]!['nonce']! }
  }

  function proof(nonce: string, key = ticket): Record<string, string> {
    const mac = macOf('dialer', key, { binding, listenerNonce: nonce, dialerNonce })
    return { kind: 'proof', identity: key.identity, nonce: dialerNonce, mac }
  }

  it('asks first, with a nonce of its own each time', () => {
    const [one, other] = [listener(), listener()]
    expect(one.end.said).toEqual([{ kind: 'challenge', nonce: one.nonce }])
    expect(one.nonce).toMatch(/^[0-9a-f]{64}$/)
    expect(other.nonce).not.toBe(one.nonce)
  })

  it('proves itself to who has proved the key, and only then hands the connection over', () => {
    const { end, failed, nonce } = listener()
    end.hear(proof(nonce))
    expect(end.said[1]).toEqual({
      kind: 'proven',
      mac: macOf('listener', ticket, { binding, listenerNonce: nonce, dialerNonce }),
    })
    expect(end.did).toEqual([`proved ${ticket.identity}`, 'handed over'])
    expect(failed).toEqual([])
  })

  it('refuses an unknown identity and a wrong key alike, and notes both', () => {
    const unknown = { identity: `t.${'2'.repeat(32)}`, hex: '00'.repeat(32) }
    const wrong = { ...ticket, hex: '5b'.repeat(32) }
    for (const key of [unknown, wrong]) {
      const { end, failed, nonce } = listener()
      end.hear(proof(nonce, key))
      expect(end.did).toEqual(['close 4003 ticket-refused'])
      expect(end.said).toHaveLength(1)
      expect(failed).toEqual([key.identity])
    }
  })

  it('refuses a proof that was given for another connection, or that the other side gave', () => {
    const { end, nonce } = listener()
    const others = [
      macOf('dialer', ticket, { binding: '', listenerNonce: nonce, dialerNonce }),
      macOf('dialer', ticket, { binding, listenerNonce, dialerNonce }),
      macOf('listener', ticket, { binding, listenerNonce: nonce, dialerNonce }),
    ]
    for (const mac of [...others, undefined]) end.hear({ ...proof(nonce), mac })
    expect(end.did).toEqual(Array(4).fill('close 4003 ticket-refused'))
  })

  it('lets go of who does not answer with a proof, and counts nothing', () => {
    const odd = (nonce: string) => [
      ...nonsense,
      { ...proof(nonce), kind: 'proven' },
      { ...proof(nonce), nonce: undefined },
      { ...proof(nonce), nonce: `${dialerNonce}0` },
      { ...proof(nonce, { ...ticket, identity: 'x'.repeat(65) }) },
    ]
    for (const [i] of odd('').entries()) {
      const { end, failed, nonce } = listener({ ['x'.repeat(65)]: ticket.hex, [ticket.identity]: ticket.hex })
      end.hear(odd(nonce)[i])
      end.end(1006, 'gone')
      expect([end.did, failed]).toEqual([['destroy'], []])
    }
  })

  it('takes identities of up to 64 characters', () => {
    const key = { ...ticket, identity: 'x'.repeat(64) }
    const { end, nonce } = listener({ [key.identity]: key.hex })
    end.hear(proof(nonce, key))
    expect(end.did).toContain('handed over')
  })

  it('knows no identity that is not told', () => {
    const { end, failed } = listener()
    end.hear({ kind: 'proof', nonce: dialerNonce, mac: '00'.repeat(32) })
    expect([end.did, failed]).toEqual([['close 4003 ticket-refused'], ['']])
  })
})
