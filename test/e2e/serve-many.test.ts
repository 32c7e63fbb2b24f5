// Twenty sessions of five tickets at one server, which is killed twice while they run, with tickets revoked, exchanged and
// used up in between: each session ends as its ticket says, and what is delivered is what was sent.

import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { hasCode, isTransferError, send, type Ending, type Event, type Session } from '../../src/index.ts'
import { ServeScene } from '../support/serve-scene.ts'
import { MiB, noise, plant } from '../support/trees.ts'

const perTicket = 4
const size = 5 * MiB + 17
const slowBytesPerSecond = 16 * 1024 // A frame of 1 MiB goes at once, the next ones 64 s apart: time for all that happens below.

/** Somebody in this process who sends one folder. */
class Sender {
  readonly name: string
  readonly scene: ServeScene
  readonly session: Session
  readonly events: Event[] = []
  readonly #watchers = new Set<() => void>()
  readonly #heardOut: Promise<void>

  constructor(scene: ServeScene, name: string, ticket: string, bwlimit?: number) {
    this.scene = scene
    this.name = name
    const stateDir = join(scene.stateOf(name), 'carryon')
    mkdirSync(stateDir, { recursive: true, mode: 0o700 })
    this.session = send([join(scene.homeOf('people'), name)], {
      to: ticket,
      stateDir,
      bwlimit,
      progressIntervalMs: 100,
    })
    this.#heardOut = this.#listen()
  }

  async #listen(): Promise<void> {
    for await (const event of this.session) {
      this.events.push(event)
      for (const look of this.#watchers) look()
    }
    for (const look of this.#watchers) look()
  }

  /** Resolves at the first event that fits, of those that come from now on. Rejects if the session ends before. */
  next(fits: (event: Event) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const from = this.events.length
      const look = (): void => {
        if (!this.events.slice(from).some(fits)) return
        this.#watchers.delete(look)
        resolve()
      }
      this.#watchers.add(look)
      void this.session.ending.then(({ error }) => reject(error ?? new Error(`${this.name} has ended`)))
    })
  }

  /** Once all events are in `events`: a session has ended before the last of them are read. */
  async ending(): Promise<Ending> {
    await this.#heardOut
    return this.session.ending
  }

  async code(): Promise<string | null> {
    const { error } = await this.ending()
    return isTransferError(error) ? error.code : error === null ? null : String(error)
  }
}

const isSafe = (event: Event): boolean => event.type === 'progress' && event.bytesDurable > 0
const isBack = (event: Event): boolean => event.type === 'session' && event.state === 'transferring'

it(
  'R82, R90, R91: twenty sessions of five tickets, with revocations and restarts in between',
  { timeout: 180_000 },
  async () => {
    const scene = new ServeScene()
    let server = await scene.serve()
    const open = await scene.ticket('--path', 'open')
    const revoked = await scene.ticket('--path', 'revoked')
    const rotated = await scene.ticket('--path', 'rotated', '--for', 'both')
    const small = await scene.ticket('--path', 'small', '--max-bytes', String(2 * size))
    const once = await scene.ticket('--path', 'once', '--uses', String(perTicket))
    const begin = (name: string, ticket: string): Sender => new Sender(scene, name, ticket, slowBytesPerSecond)
    const crowd = (kind: string, ticket: string): Sender[] =>
      Array.from({ length: perTicket }, (_, i) => {
        const name = `${kind}-${i}`
        plant(join(scene.homeOf('people'), name), {
          'disk.img': noise(size - 9, kind.length * 10 + i),
          'a/note': `${name}`.padEnd(9),
        })
        return begin(name, ticket)
      })
    const groups = {
      open: crowd('open', open.text),
      revoked: crowd('revoked', revoked.text),
      rotated: crowd('rotated', rotated.text),
      small: crowd('small', small.text),
      once: crowd('once', once.text),
    }
    const lasting = [...groups.open, ...groups.revoked, ...groups.rotated, ...groups.once]
    const refusedCodes = Promise.all(
      groups.small.map((each) =>
        Promise.race([
          each.next(isSafe).then(
            () => 'runs',
            () => 'over',
          ),
          each.code(),
        ]),
      ),
    )
    await Promise.all(lasting.map((each) => each.next(isSafe)))
    const stand = await refusedCodes
    expect(stand.filter((word) => word === 'runs')).toHaveLength(2)
    const small2 = groups.small.filter((_, i) => stand[i] === 'runs')
    for (const each of groups.small) if (!small2.includes(each)) expect(await each.code()).toBe('limit')

    const running = [...lasting, ...small2]
    const back = Promise.all(running.map((each) => each.next(isBack)))
    await server.killed()
    server = await scene.serve()
    await back

    const ended = Promise.all(groups.revoked.map((each) => each.code()))
    await scene.office('revoke', revoked.id)
    await scene.office('rotate', rotated.id)
    expect(await ended).toEqual(groups.revoked.map(() => 'ticket-revoked'))

    const survivors = running.filter((each) => !groups.revoked.includes(each))
    const backAgain = Promise.all(survivors.map((each) => each.next(isBack)))
    await server.killed()
    server = await scene.serve()
    await backAgain
    for (const each of survivors) each.session.limitBandwidth(null)
    expect(await Promise.all(survivors.map((each) => each.code()))).toEqual(survivors.map(() => null))

    // The revoked ones go on where they were, under another ticket for the same folder.
    const fresh = await scene.ticket('--path', 'revoked')
    const again = groups.revoked.map(({ name }) => new Sender(scene, name, fresh.text))
    expect(await Promise.all(again.map((each) => each.code()))).toEqual(again.map(() => null))
    for (const [i, each] of again.entries()) {
      expect(await each.session.id).toBe(await groups.revoked[i]!.session.id)
      const summary = each.events.find((event) => event.type === 'summary')
      expect(summary).toMatchObject({ bytesReused: expect.toSatisfy((bytes: number) => bytes > 0) })
    }
    // A used-up ticket begins nothing more.
    plant(join(scene.homeOf('people'), 'once-late'), { note: 'late' })
    expect(await begin('once-late', once.text).code()).toBe('ticket-refused')

    for (const { name } of [...survivors, ...again]) {
      const landed = join(scene.folder, name.split('-')[0]!, name)
      const sent = join(scene.homeOf('people'), name)
      for (const file of ['disk.img', 'a/note'])
        expect(readFileSync(join(landed, file)).equals(readFileSync(join(sent, file))), `${name}/${file}`).toBe(true)
    }
    expect(readdirSync(join(scene.folder, 'small')).filter((name) => name !== '.carryon')).toHaveLength(2)
    const used = new Map((await scene.tickets()).map((ticket) => [ticket.path + ticket.state, ticket.used]))
    const whole = { bytes: perTicket * size, files: 2 * perTicket }
    expect(Object.fromEntries(used)).toMatchObject({
      opengood: { sessions: perTicket, ...whole },
      rotatedgood: { sessions: perTicket, ...whole },
      oncegood: { sessions: perTicket, ...whole },
      revokedrevoked: { sessions: perTicket, bytes: 0 },
      revokedgood: { sessions: 0, ...whole },
      smallgood: { sessions: perTicket },
    })
    expect(hasCode((await groups.revoked[0]!.ending()).error, 'ticket-revoked')).toBe(true)
  },
)
