// Who stands between a dialer and a listener that shows a certificate, and has a valid one himself.

import { connect as connectTls } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { decodeTicket, encodeTicket, type Ticket } from '../../src/model/ticket.ts'
import { pinOf } from '../../src/transport/certificate.ts'
import { certificate, certificateFlags, standBetween, trusting, type Between } from '../support/certificates.ts'
import { portOf, Scene } from '../support/scene.ts'
import { noise, plant } from '../support/trees.ts'

/** A receiver with a certificate, a man in between who shows that of `rival`, and a sender whose ticket leads to him. */
async function throughRival(change: Partial<Ticket>) {
  const scene = new Scene()
  plant(scene.source, { 'secret-name.img': noise(1000) })
  const receiver = scene.receive(...certificateFlags(scene.path, 'listener'))
  const ticket = await receiver.ticket()
  const between = await standBetween('rival', { port: portOf(ticket), isTls: true })
  const forged = encodeTicket({ ...decodeTicket(ticket), addresses: [`localhost:${between.port}`], ...change })
  const words = ['send', `${scene.source}/secret-name.img`, '--to', forged, '--connect-for', '3s']
  const sender = scene.as('sender', words, { env: trusting })
  const code = await sender.code()
  expect(receiver.isRunning).toBe(true)
  return { code, sender, between, scene }
}

/** Nothing of the session: no message of ours, no name, no data. */
function expectNothingSaid({ heard }: Between): void {
  expect(heard.fromDialer).not.toMatch(/"hello"|secret-name|manifest/)
  expect(heard.fromListener).not.toMatch(/"welcome"|"refuse"/)
}

describe('a man in the middle with a certificate that an authority vouches for', () => {
  it('R84: gets through no ticket that pins another one: he hears a ClientHello and nothing else', async () => {
    const { code, sender, between } = await throughRival({})
    expect(code, sender.transcript).toBe(4)
    expect(sender.last('exit').error).toMatchObject({ code: 'not-the-peer' })
    expect(between.heard).toEqual({ fromDialer: '', fromListener: '' })
  })

  it('R40, R84: where the ticket goes by the name, he can pass on the proof, and it is good on no connection but its own', async () => {
    const { code, sender, between, scene } = await throughRival({ tls: 'public' })
    expect(code, sender.transcript).toBe(4)
    expect(between.heard.fromDialer).toContain('"kind":"proof"')
    expectNothingSaid(between)
    expect(scene.leftovers('sender')).toEqual([])
  })

  it('R40: the same with a ticket that even pins him', async () => {
    const { code, sender, between } = await throughRival({ tls: pinOf(certificate('rival')) })
    expect(code, sender.transcript).toBe(4)
    expectNothingSaid(between)
  })

  it('R40: a dialer that is made to leave the binding away is not let in', async () => {
    const { code, sender, between } = await throughRival({ tls: 'proxied' })
    expect(code, sender.transcript).toBe(4)
    expectNothingSaid(between)
  })
})

it('R83: TLS 1.2 is not spoken to a listener with a certificate', async () => {
  const scene = new Scene()
  const receiver = scene.receive(...certificateFlags(scene.path, 'listener'))
  const port = portOf(await receiver.ticket())
  const socket = connectTls({ host: '127.0.0.1', port, maxVersion: 'TLSv1.2', rejectUnauthorized: false })
  const outcome = await new Promise((resolve) =>
    socket.once('error', () => resolve('refused')).once('secureConnect', () => resolve('in')),
  )
  expect(outcome).toBe('refused')
  expect(receiver.isRunning).toBe(true)
})
