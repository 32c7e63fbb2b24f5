// The table of scope x role x message at a served folder, spoken by hand over TLS: what the ticket does not allow is refused
// by name before anything is looked at or written, and what a role may not say is refused as in any other session (R91).

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tmpdir } from 'node:os'
import { accepted } from '../../src/core/dialogue.ts'
import { newTicket, revokeTicket, serve, type Role, type Scope, type Server } from '../../src/index.ts'
import type { MessageKind } from '../../src/model/messages.ts'
import { decodeTicket, type Ticket } from '../../src/model/ticket.ts'
import { encodeMessage } from '../../src/wire/messages.ts'
import { golden } from '../support/golden-messages.ts'
import { ProvenPeer } from '../support/proven-peer.ts'
import { helloOf, type Told } from '../support/raw-peer.ts'

const path = mkdtempSync(join(tmpdir(), 'carryon-scopes-'))
const folder = join(path, 'served')
const scopes: readonly Scope[] = ['send', 'receive', 'both']
const roles: readonly Role[] = ['sender', 'receiver']
const messages = new Map(Object.values(golden).map((message) => [message.kind, message]))
const tickets = new Map<Scope, Ticket>()
let server: Server
let ids = 0

beforeAll(async () => {
  mkdirSync(join(folder, 'inside'), { recursive: true })
  writeFileSync(join(folder, 'inside/known'), 'known')
  writeFileSync(join(folder, 'sibling'), 'secret')
  const stateDir = join(path, 'state')
  server = serve(folder, { listen: { host: '127.0.0.1', port: 0 }, allowRoot: true, stateDir, maxSessions: 1000 })
  await server.addresses
  for (const scope of scopes)
    tickets.set(scope, decodeTicket((await newTicket(folder, { for: scope, path: 'inside' })).ticket))
})
afterAll(async () => {
  await server.close()
  rmSync(path, { recursive: true, force: true })
})

/** A session of his own, as far as the ticket lets him. */
async function greeted(
  scope: Scope,
  role: Role,
  changes: object = {},
): Promise<{ peer: ProvenPeer; answer: Told | undefined }> {
  const peer = await ProvenPeer.with(tickets.get(scope)!)
  peer.say({ ...helloOf((++ids).toString(16).padStart(32, '0'), role), ...changes })
  return { peer, answer: await peer.until('welcome', 'refuse') }
}

const may = (scope: Scope, role: Role): boolean =>
  scope === 'both' || scope === (role === 'sender' ? 'send' : 'receive')

describe.each(scopes)('a ticket to %s', (scope) => {
  describe.each(roles)('in the hands of a %s', (role) => {
    if (!may(scope, role)) {
      it('is refused by name, and nothing more is heard', async () => {
        const { peer, answer } = await greeted(scope, role)
        expect(answer).toMatchObject({ kind: 'refuse', code: 'scope', retry: false })
        for (const message of messages.values()) peer.say(JSON.parse(encodeMessage(message)))
        expect(await peer.until('never')).toBeUndefined()
        expect(peer.told.map(({ kind }) => kind)).toEqual(['refuse'])
      })
      return
    }

    it.each([...messages.keys()])(
      'may say `%s` if that is for its role to say, and is refused by name otherwise',
      async (kind) => {
        const { peer, answer } = await greeted(scope, role)
        expect(answer?.kind).toBe('welcome')
        const there: Role = role === 'sender' ? 'receiver' : 'sender'
        const phase = there === 'receiver' ? 'transferring' : 'agreeing'
        if (there === 'receiver') await peer.until('want')
        peer.say(JSON.parse(encodeMessage(messages.get(kind)!)))
        peer.say({ kind: 'ping', number: 4711, receivedBytes: 0, durableBytes: 0 })
        const reply = await peer.until('abort', 'pong')
        const isNamed = reply?.kind === 'abort' && reply['sentence'] === `\`${kind}\` came while ${phase}`
        expect(isNamed, JSON.stringify(reply)).toBe(!accepted[there][phase].includes(kind as MessageKind))
        peer.leave()
      },
    )
  })
})

describe('R91: nobody gets beyond his folder', () => {
  it('a receiver is offered what is in it and nothing else, whatever links are there', async () => {
    symlinkSync('../sibling', join(folder, 'inside/leak'))
    const { peer } = await greeted('receive', 'receiver')
    const page = await peer.until('manifest')
    const text = JSON.stringify(page)
    expect(text).toContain('known')
    expect(text).not.toContain('sibling"')
    expect(page).toMatchObject({ last: { entries: 2 } }) // The file, and the link, which is listed as left out.
    peer.leave()
  })

  it('a session of somebody else is not entered with a good ticket and a guess', async () => {
    const { peer } = await greeted('send', 'sender')
    const session = ids.toString(16).padStart(32, '0')
    const thief = await ProvenPeer.with(tickets.get('send')!)
    thief.say({ ...helloOf(session, 'sender'), nonce: 'e'.repeat(32), epoch: 5 })
    expect(await thief.until('welcome', 'refuse')).toMatchObject({ kind: 'refuse', code: 'ticket-refused' })
    peer.say({ kind: 'ping', number: 1, receivedBytes: 0, durableBytes: 0 })
    expect(await peer.until('pong', 'abort')).toMatchObject({ kind: 'pong' }) // Its owner notices nothing.
    peer.leave()
  })

  it('what was opened before and is not here is not begun again', async () => {
    const { answer } = await greeted('send', 'sender', { epoch: 3 })
    expect(answer).toMatchObject({ kind: 'refuse', code: 'session-unknown' })
  })

  it('and a revoked one opens nothing, by name to who proved it', async () => {
    const { ticket } = await newTicket(folder, { for: 'both' })
    await revokeTicket(folder, decodeTicket(ticket).id)
    const peer = await ProvenPeer.with(decodeTicket(ticket))
    peer.say(helloOf('d'.repeat(32), 'sender'))
    expect(await peer.until('welcome', 'refuse')).toMatchObject({ kind: 'refuse', code: 'ticket-revoked' })
  })

  it('after all that, nothing outside changed', () => {
    expect(readFileSync(join(folder, 'sibling'), 'utf8')).toBe('secret')
    expect(readdirSync(folder).toSorted()).toEqual(['.carryon', 'inside', 'sibling'])
    expect(readdirSync(path).toSorted()).toEqual(['served', 'state'])
  })
})
