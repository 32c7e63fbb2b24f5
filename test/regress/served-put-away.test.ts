// What a server does with a session that was released: it is put away behind the last word to its sender, who may be back by
// then, or beside the end of the server, or on a disk that takes no more notes.

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { newTicket, serve } from '../../src/index.ts'
import { decodeTicket } from '../../src/model/ticket.ts'
import { digestOf, pageOf } from '../hostile/evil.ts'
import { ProvenPeer } from '../support/proven-peer.ts'
import { helloOf } from '../support/raw-peer.ts'
import { scratchPath } from '../support/scratch.ts'

/** A server, and senders with a ticket for so many sessions at a time, who have not said hello yet. */
async function stage(maxSessions: number) {
  const path = scratchPath()
  const folder = join(path, 'served')
  mkdirSync(folder)
  const server = serve(folder, {
    listen: { host: '127.0.0.1', port: 0 },
    allowRoot: true,
    stateDir: join(path, 'state'),
  })
  onTestFinished(() => server.close())
  await server.addresses
  const ticket = decodeTicket((await newTicket(folder, { for: 'send', maxSessions })).ticket)
  const account = join(folder, '.carryon/server/accounts', ticket.id)
  const sender = async (): Promise<ProvenPeer> => {
    const peer = await ProvenPeer.with(ticket)
    onTestFinished(() => peer.leave())
    return peer
  }
  return { server, account, sender }
}

const hello = (session: string) => helloOf(session.repeat(32), 'sender')

/** Sends nothing, in good order, until all that is left to say is `release`. */
async function send(peer: ProvenPeer, session: string): Promise<void> {
  peer.say(hello(session))
  expect(await peer.until('welcome', 'refuse')).toMatchObject({ kind: 'welcome' })
  const totals = { entries: 0, bytes: 0 }
  peer.say(pageOf([]))
  await peer.untilThat(({ kind, pages }) => kind === 'want' && pages === 1)
  peer.say({ kind: 'end', manifest: digestOf([], totals), ...totals })
  expect(await peer.until('receipt', 'abort')).toMatchObject({ kind: 'receipt' })
}

async function release(peer: ProvenPeer): Promise<void> {
  peer.say({ kind: 'release' })
  expect(await peer.until('released', 'abort')).toMatchObject({ kind: 'released' })
}

it('R79: it counts for no more sessions at once, though it is still being put away', async () => {
  // Who sent two things in a row was refused the second one, now and then.
  const { sender } = await stage(1)
  const [first, early, next] = [await sender(), await sender(), await sender()]
  await send(first, '1')
  early.say(hello('2'))
  expect(await early.until('welcome', 'refuse')).toMatchObject({ kind: 'refuse', code: 'limit' })
  await release(first)
  next.say(hello('3')) // In the same turn: nothing can have been put away by now.
  expect(await next.until('welcome', 'refuse')).toMatchObject({ kind: 'welcome' })
})

it('R79: what it used up is noted before the server has ended', async () => {
  // The note was written while the folder was let go of, and ended the process where that was quicker.
  const sessions = Array.from({ length: 6 }, (_, i) => String(i)) // One note waits for the other.
  const { server, account, sender } = await stage(sessions.length)
  const peers = await Promise.all(sessions.map(sender))
  for (const [i, peer] of peers.entries()) await send(peer, sessions[i]!)
  await Promise.all(peers.map(release))
  await server.close()
  expect(JSON.parse(readFileSync(account, 'utf8'))).toEqual({ begun: sessions.length, bytes: 0, files: 0, open: {} })
})

it('R82: a disk that takes no note of what it used up is said, and ends no other session', async () => {
  const { server, account, sender } = await stage(1)
  const [peer, next] = [await sender(), await sender()]
  await send(peer, '1')
  const accounts = join(account, '..')
  renameSync(accounts, `${accounts}.away`)
  writeFileSync(accounts, '')
  await release(peer)
  for await (const event of server) {
    if (event.type !== 'warning') continue
    expect(event).toMatchObject({ code: 'session-ended', message: expect.stringContaining('counts as used') })
    break
  }
  rmSync(accounts)
  renameSync(`${accounts}.away`, accounts)
  await send(next, '2')
  await release(next)
})
