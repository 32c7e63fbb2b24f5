import { afterEach, describe, expect, it } from 'vitest'
import type { ConnectionSink } from '../../../../../src/engine/runner.ts'
import { Reception, WaitingRoom, type Arrival, type Guest } from '../../../../../src/engine/life/roads/listening.ts'
import { TransferError } from '../../../../../src/errors.ts'
import type { Clock } from '../../../../../src/model/clock.ts'
import type { Connection } from '../../../../../src/model/connection.ts'
import { noManifest } from '../../../../../src/model/manifest.ts'
import type { Hello, Message } from '../../../../../src/model/messages.ts'
import { formatAddress } from '../../../../../src/transport/addresses.ts'
import { dialAny } from '../../../../../src/transport/dial.ts'
import { listen, type Listener } from '../../../../../src/transport/listen.ts'
import { decodeMessage, encodeMessage } from '../../../../../src/wire/messages.ts'
import { gate } from '../../../../support/overridden.ts'
import { FakeClock, settle } from '../fake-clock.ts'

const one = '1'.repeat(32)
const two = '2'.repeat(32)
const keys: Record<string, string> = { [`t.${one}`]: 'a'.repeat(64), [`s.${two}`]: 'b'.repeat(64) }
const open: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

const hello = (over: Partial<Hello> = {}): Hello => ({
  kind: 'hello',
  versions: [1],
  role: 'sender',
  session: one,
  lane: 0,
  epoch: 0,
  instance: '0'.repeat(16),
  attempt: 1,
  state: 'greeting',
  capabilities: [],
  wishes: { chunkBytes: 1 << 20, windowBytes: 64 << 20, lanes: 1 },
  shape: { onConflict: null, checksum: false },
  nonce: 'c'.repeat(32),
  root: null,
  manifest: noManifest,
  ...over,
})

/** A guest that remembers who came, and echoes texts. */
function guest(session: string, of: 'ticket' | 'session'): Guest & { arrivals: Arrival[]; refuseWith?: TransferError } {
  const arrivals: Arrival[] = []
  return {
    session,
    role: 'receiver',
    arrivals,
    keyFor: (which) => (which === of ? keys[`${which === 'ticket' ? 't' : 's'}.${session}`] : undefined),
    async welcome(arrival): Promise<ConnectionSink> {
      if (this.refuseWith !== undefined) throw this.refuseWith
      arrivals.push(arrival)
      return {
        text: (text) => arrival.connection.sendText(text),
        data: () => {},
        ended: () => {},
      }
    },
  }
}

async function receptionWith(guests: readonly Guest[], plain = false, clock: Clock = new FakeClock()) {
  const room = new WaitingRoom(plain)
  const reception = new Reception({ clock, door: room, helloDeadlineMs: 10_000 })
  for (const it of guests) room.add(it)
  const listener: Listener = await listen({
    host: '127.0.0.1',
    port: 0,
    plain,
    keyFor: (identity) => room.keyFor(identity),
    onConnection: (connection) => reception.receive(connection),
  })
  open.push(() => listener.close())
  const dial = async (identity: string | undefined): Promise<Connection> => {
    const connection = await dialAny(listener.addresses.map(formatAddress), {
      trust: plain ? 'plain' : 'psk',
      key: identity === undefined ? undefined : { identity, hex: keys[identity] ?? '0'.repeat(64) },
      timeoutMs: 5_000,
      signal: new AbortController().signal,
    })
    open.push(async () => connection.destroy())
    return connection
  }
  return { room, dial }
}

/** Says something and resolves with the first answer, or with how the connection ended. */
function ask(connection: Connection, ...texts: string[]): Promise<Message | string> {
  return new Promise((resolve) => {
    connection.start({
      text: (text) => resolve(decodeMessage(text)),
      data: () => {},
      ended: ({ code }) => resolve(`ended ${code}`),
    })
    for (const text of texts) connection.sendText(text)
  })
}

describe('Reception', () => {
  it('leads each connection to the session whose key it proved', async () => {
    const [first, second] = [guest(one, 'ticket'), guest(two, 'session')]
    const { dial } = await receptionWith([first, second])
    const ping = encodeMessage({ kind: 'ping', number: 7, receivedBytes: 0, durableBytes: 0 })
    expect(await ask(await dial(`t.${one}`), encodeMessage(hello()), ping)).toMatchObject({ kind: 'ping', number: 7 })
    expect(await ask(await dial(`s.${two}`), encodeMessage(hello({ session: two })), ping)).toMatchObject({ number: 7 })
    expect(first.arrivals.map(({ proven }) => proven)).toEqual(['ticket'])
    expect(second.arrivals.map(({ proven }) => proven)).toEqual(['session'])
  })

  it('R87: an unknown identity and a wrong key are refused alike', async () => {
    const { dial } = await receptionWith([guest(one, 'ticket')])
    keys[`t.${two}`] = 'd'.repeat(64)
    const unknown = await dial(`t.${two}`).catch((error: unknown) => error)
    delete keys[`t.${two}`]
    const right = keys[`t.${one}`]!
    keys[`t.${one}`] = right
    expect(unknown).toMatchObject({ code: 'ticket-refused' })
  })

  it('refuses who asks for another session than the one it proved', async () => {
    const { dial } = await receptionWith([guest(one, 'ticket'), guest(two, 'session')])
    const answer = await ask(await dial(`t.${one}`), encodeMessage(hello({ session: two })))
    expect(answer).toMatchObject({ kind: 'refuse', code: 'protocol', retry: false })
  })

  it('refuses two senders with a sentence that says what to do', async () => {
    const { dial } = await receptionWith([guest(one, 'ticket')])
    const answer = await ask(await dial(`t.${one}`), encodeMessage(hello({ role: 'receiver' })))
    expect(answer).toMatchObject({
      kind: 'refuse',
      code: 'usage',
      sentence: expect.stringContaining('Both sides want to receive'),
    })
  })

  it('passes on why a guest refuses, and whether later can help', async () => {
    const it = guest(one, 'ticket')
    it.refuseWith = new TransferError('peer-busy', { session: one })
    const { dial } = await receptionWith([it])
    expect(await ask(await dial(`t.${one}`), encodeMessage(hello()))).toMatchObject({ code: 'peer-busy', retry: true })
  })

  it('tells a late peer how its session ended, if it proves the key', async () => {
    const { room, dial } = await receptionWith([])
    const error = new TransferError('discarded', { by: 'peer' })
    room.bury({ session: two, sessionKey: keys[`s.${two}`]!, error })
    expect(await ask(await dial(`s.${two}`), encodeMessage(hello({ session: two })))).toMatchObject({
      code: 'discarded',
    })
  })

  it('R83: in plain text the session id alone leads to the session', async () => {
    const it = guest(one, 'ticket')
    const { dial } = await receptionWith([it], true)
    expect(await ask(await dial(undefined), encodeMessage(hello({ session: two })))).toMatchObject({
      code: 'session-unknown',
    })
    const ping = encodeMessage({ kind: 'ping', number: 9, receivedBytes: 0, durableBytes: 0 })
    expect(await ask(await dial(undefined), encodeMessage(hello()), ping)).toMatchObject({ number: 9 })
    expect(it.arrivals[0]?.proven).toBeUndefined()
  })

  it('R32: gives signs of life while a session takes long to open, and cuts nobody', async () => {
    const clock = new FakeClock()
    const { passed, open: letIn } = gate()
    const slow = guest(one, 'ticket')
    const { dial } = await receptionWith(
      [{ ...slow, welcome: (it) => passed.then(() => slow.welcome(it)) }],
      false,
      clock,
    )
    const connection = await dial(`t.${one}`)
    const said: string[] = []
    const answered = new Promise<void>((resolve) =>
      connection.start({
        text: (text) => {
          said.push(text)
          if (said.length === 12) resolve()
        },
        data: () => {},
        ended: () => {},
      }),
    )
    connection.sendText(encodeMessage(hello()))
    while (clock.armed === 0 || said.length < 11) await clock.pass(5_000)
    letIn()
    await settle()
    connection.sendText('12')
    await answered
    expect(said.slice(0, 11).map((text) => decodeMessage(text).kind)).toEqual(Array(11).fill('ping'))
    expect(slow.arrivals).toHaveLength(1)
  })

  it('R75: cuts who says no hello in time, and answers nonsense with a refusal', async () => {
    const clock = new FakeClock()
    const { dial } = await receptionWith([guest(one, 'ticket')], false, clock)
    const silent = ask(await dial(`t.${one}`))
    const odd = await ask(await dial(`t.${one}`), '{"kind":"release"}')
    expect(odd).toMatchObject({ kind: 'refuse', code: 'protocol' })
    await clock.pass(10_001)
    expect(await silent).toBe('ended 1006')
  })
})
