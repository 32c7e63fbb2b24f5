// Who stands at the door of a real receiver: 500 slow-drip sockets, web pages, impostors. They are cut at their deadline,
// learn nothing, and keep neither the running transfer nor an honest newcomer from going on.

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer, connect, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { connect as connectTls } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { decodeTicket, encodeTicket } from '../../src/model/ticket.ts'
import { bothSucceed, portOf, Scene } from '../support/scene.ts'
import { knock, goHome, serveTls, upgradeRequest } from '../support/strangers.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'

interface Figures {
  readonly opened: number
  readonly cut: number
  readonly longestMs: number
  readonly held: number
}

/** Starts the crowd; its latest figures. */
function crowd(port: number, addresses: readonly string[]): { figures: Figures; leave(): Promise<void> } {
  const dripper = new URL('dripper.mjs', import.meta.url).pathname
  const child = spawn(process.execPath, [dripper, String(port), '500', ...addresses])
  const gone = once(child, 'close')
  const leave = async (): Promise<void> => {
    child.kill('SIGKILL')
    await gone
  }
  const it = { figures: { opened: 0, cut: 0, longestMs: 0, held: 0 } as Figures, leave }
  child.stdout.on(
    'data',
    (text: Buffer) => (it.figures = JSON.parse(text.toString().trim().split('\n').at(-1)!) as Figures),
  )
  onTestFinished(leave)
  return it
}

const many = Array.from({ length: 249 }, (_, i) => `127.0.0.${i + 2}`)
const deadlineMs = 10_000

describe('500 sockets that drip', () => {
  it.each([
    ['one address', ['127.0.0.2'], ({ longestMs }: Figures) => longestMs > deadlineMs * 0.9],
    ['249 addresses', many, ({ cut }: Figures) => cut > 2_000],
  ])(
    'R75: from %s are cut at their deadline; a running transfer ends, and a newcomer gets in',
    async (_, addresses, hasSettled) => {
      const scene = new Scene()
      plant(scene.source, { large: noise(128 * MiB) })
      const alone = await transfer(scene, undefined)
      const receiver = scene.receive()
      const ticket = await receiver.ticket()
      const it = crowd(portOf(ticket), addresses)
      while (it.figures.opened < 500) await new Promise((resolve) => setTimeout(resolve, 50))

      const slow = scene.send('large', '--to', ticket, '--bwlimit', '2MiB')
      await slow.until('session', ({ state }) => state === 'transferring')
      while (!hasSettled(it.figures)) await new Promise((resolve) => setTimeout(resolve, 100))
      await slow.killed()
      const beganAt = performance.now()
      const newcomer = scene.send('large', '--to', ticket)
      await newcomer.until('session', ({ state }) => state === 'transferring')
      const inAfterMs = Math.round(performance.now() - beganAt)
      await bothSucceed(newcomer, receiver)
      expect(listing(scene.target)).toEqual(listing(scene.source))
      await it.leave() // One crowd at a time: what it costs is measured.

      const beside = await transfer(scene, addresses)
      const { opened, cut, longestMs } = it.figures
      console.log(
        `${opened} sockets, ${cut} cut, none held longer than ${longestMs} ms; in after ${inAfterMs} ms; ` +
          `128 MiB alone ${alone.ms} ms, beside the crowd ${beside.ms} ms: ratio ${(alone.ms / beside.ms).toFixed(2)}; ` +
          `CPU of the receiver ${alone.cpuMs} and ${beside.cpuMs} ms`,
      )
      expect(cut).toBeGreaterThan(0)
      expect(longestMs).toBeLessThan(3 * deadlineMs)
      expect(inAfterMs).toBeLessThan(3 * deadlineMs)
    },
    240_000,
  )
})

/** How long a transfer takes, and its receiver works, from its first byte to its end, beside a crowd or alone. */
async function transfer(
  scene: Scene,
  addresses: readonly string[] | undefined,
): Promise<{ ms: number; cpuMs: number }> {
  const receiver = scene.as('receiver', [
    'receive',
    `${scene.path}/again${addresses?.length}`,
    '--listen',
    '127.0.0.1:0',
  ])
  const ticket = await receiver.ticket()
  if (addresses !== undefined) {
    const it = crowd(portOf(ticket), addresses)
    while (it.figures.opened < 500) await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const sender = scene.send('large', '--to', ticket, '--new')
  await sender.until('session', ({ state }) => state === 'transferring')
  const [beganAt, cpuBefore] = [performance.now(), cpuMsOf(receiver.pid)]
  await sender.until('session', ({ state }) => state === 'finishing')
  const [ms, cpuMs] = [Math.round(performance.now() - beganAt), cpuMsOf(receiver.pid) - cpuBefore]
  await bothSucceed(sender, receiver)
  return { ms, cpuMs }
}

/** What a process has used so far: its 14th and 15th figure, in hundredths of a second. */
function cpuMsOf(pid: number): number {
  const figures = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(figures[11]) + Number(figures[12])) * 10
}

describe('R88: a web page', () => {
  it.each<readonly [string, Record<string, string | undefined>, string]>([
    ['of another site', { Origin: 'https://evil.example' }, '403'],
    ['of this machine', { Origin: 'http://localhost:8080' }, '403'],
    ['without a site', { Origin: 'null' }, '403'],
    ['whose name was made to point here', { Host: 'evil.example:80' }, '403'],
    ['whose name only begins like ours', { Host: '127.0.0.1.evil.example' }, '403'],
    ['whose name is no name', { Host: '[::1' }, '403'],
    ['of the LAN', { Host: '192.168.1.7:22779' }, '403'],
    ['without a Host', { Host: undefined }, '403'],
    ['without our subprotocol', { 'Sec-WebSocket-Protocol': undefined }, '400'],
  ])('%s is not let in', async (_, headers, status) => {
    const scene = new Scene()
    const receiver = scene.receive('--insecure-plaintext')
    const stranger = await knock(`127.0.0.1:${portOf(await receiver.ticket())}`)
    stranger.say(upgradeRequest(headers))
    const answer = (await stranger.untilGone()).toString()
    goHome()
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(answer).not.toMatch(/carryon|node|date:|server:/i)
    expect(receiver.isRunning).toBe(true)
  })

  it.each(['GET /', 'POST /', 'OPTIONS /', 'GET /%2e%2e/etc/passwd', 'TRACE /'])(
    'other HTTP (%s) gets a bare 404',
    async (line) => {
      const scene = new Scene()
      const receiver = scene.receive('--insecure-plaintext')
      const stranger = await knock(`127.0.0.1:${portOf(await receiver.ticket())}`)
      stranger.say(`${line} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`)
      expect((await stranger.untilGone()).toString()).toBe(
        'HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n',
      )
      goHome()
    },
  )

  it('R83: of the whole network meets TLS that wants a key: no browser has one', async () => {
    const scene = new Scene()
    const receiver = scene.receive()
    const port = portOf(await receiver.ticket())
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = connectTls({
        host: '127.0.0.1',
        port,
        maxVersion,
        minVersion: 'TLSv1.2',
        rejectUnauthorized: false,
      })
      const outcome = await new Promise((resolve) =>
        socket.once('error', () => resolve('refused')).once('secureConnect', () => resolve('in')),
      )
      expect(outcome).toBe('refused')
    }
  })
})

describe('R84: no byte of ours goes to a wrong peer', () => {
  it('an impostor with a certificate hears a ClientHello and nothing else', async () => {
    let heard = 0
    const address = await serveTls((socket) => socket.on('data', (bytes: Buffer) => (heard += bytes.length)))
    const { code, sender } = await sendTo(address)
    goHome()
    expect(code, sender.transcript).toBe(7)
    expect(heard).toBe(0)
  })

  it('a man in the middle with another key hears a ClientHello and nothing else', async () => {
    let heard = 0
    const pskCallback = (): Buffer => Buffer.alloc(32, 1)
    const ciphers = 'TLS_AES_128_GCM_SHA256'
    const address = await serveTls((socket) => socket.on('data', (bytes: Buffer) => (heard += bytes.length)), {
      pskCallback,
      ciphers,
      minVersion: 'TLSv1.3',
    })
    const { code, sender } = await sendTo(address)
    goHome()
    expect([4, 5, 7], sender.transcript).toContain(code)
    expect(heard).toBe(0)
  })

  it('one who only passes bytes on cannot change one of them unseen', async () => {
    const scene = new Scene()
    plant(scene.source, { large: noise(4 * MiB) })
    const receiver = scene.receive()
    const ticket = await receiver.ticket()
    let passed = 0
    let hasChanged = false
    const relay = createServer((inward) => {
      const outward = connect(portOf(ticket), '127.0.0.1')
      for (const socket of [inward, outward])
        socket.on('error', () => {}).on('close', () => (inward.destroy(), outward.destroy()))
      outward.pipe(inward)
      inward.on('data', (bytes: Buffer) => {
        passed += bytes.length
        if (passed > MiB && !hasChanged) {
          bytes[bytes.length >> 1]! ^= 1
          hasChanged = true // Else he would change each attempt to come back.
        }
        outward.write(bytes)
      })
    })
    relay.listen(0, '127.0.0.1')
    await once(relay, 'listening')
    onTestFinished(() => void relay.close())
    const through = encodeTicket({
      ...decodeTicket(ticket),
      addresses: [`127.0.0.1:${(relay.address() as AddressInfo).port}`],
    })
    const sender = scene.send('large', '--to', through, '--lanes', '1')
    await bothSucceed(sender, receiver)
    expect(sender.last('summary')).toMatchObject({ reconnects: 1 })
    expect(listing(scene.target)).toEqual(listing(scene.source))
  })

  async function sendTo(address: string) {
    const scene = new Scene()
    plant(scene.source, { small: 'x' })
    const receiver = scene.receive()
    const ticket = encodeTicket({ ...decodeTicket(await receiver.ticket()), addresses: [address] })
    const sender = scene.send('small', '--to', ticket, '--connect-for', '3s')
    return { code: await sender.code(), sender }
  }
})
