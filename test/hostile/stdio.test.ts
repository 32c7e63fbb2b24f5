// Whoever ssh lets in speaks to `serve --stdio`: what he gets of sessions that others began, and how long he may say nothing.

import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { describe, expect, it, onTestFinished } from 'vitest'
import { serveStdio } from '../../src/index.ts'
import type { Opening, OpeningAnswer } from '../../src/model/opening.ts'
import { pipeProof, sessionKey } from '../../src/transport/keys.ts'
import { Pipe, readLine } from '../../src/transport/pipe.ts'
import { upgrade } from '../../src/transport/upgrade.ts'
import { decodeAnswer, decodeGreeting, openingLine } from '../../src/wire/opening.ts'
import { helloOf } from '../support/raw-peer.ts'
import { scratchPath } from '../support/scratch.ts'

const lineMaxBytes = 64 * 1024

/** Somebody at the other end of a `serve --stdio` that is confined to a folder. */
class Visitor {
  readonly pipe: Pipe
  readonly nonce: string
  /** The far side has let go of everything. */
  readonly gone: Promise<void>

  private constructor(pipe: Pipe, nonce: string, gone: Promise<void>) {
    this.pipe = pipe
    this.nonce = nonce
    this.gone = gone
  }

  static async enter(path: string): Promise<Visitor> {
    const [there, back] = [new PassThrough(), new PassThrough()]
    const options = { directory: join(path, 'served'), stateDir: join(path, 'state') }
    const gone = serveStdio({ input: there, output: back }, options)
    const pipe = new Pipe(back, there)
    onTestFinished(async () => {
      pipe.destroy()
      await gone
    })
    const { nonce } = decodeGreeting((await readLine(pipe, lineMaxBytes)) ?? '')!
    return new Visitor(pipe, nonce, gone)
  }

  async asks(opening: Opening): Promise<OpeningAnswer> {
    this.pipe.write(openingLine(opening))
    return decodeAnswer((await readLine(this.pipe, lineMaxBytes)) ?? '')
  }

  /** Goes on as a dialer does, until it is welcomed, and leaves. */
  async greets(session: string, nonce: string): Promise<string> {
    const connection = await upgrade(this.pipe, 'ws://pipe/', { peer: 'far', proof: '' })
    const answer = new Promise<string>((resolve) =>
      connection.start({
        text: (text) => resolve((JSON.parse(text) as { kind: string }).kind),
        data: () => {},
        ended: () => resolve('ended'),
      }),
    )
    connection.sendText(JSON.stringify({ ...helloOf(session, 'sender'), nonce }))
    const kind = await answer
    connection.destroy()
    await this.gone
    return kind
  }
}

describe('over standard input', () => {
  it('R40: a session is had by who proves its key for this very greeting, and a stranger learns nothing of it', async () => {
    const path = scratchPath()
    mkdirSync(join(path, 'served'))
    const [session, ticketKey, nonce] = [16, 32, 16].map((count) => randomBytes(count).toString('hex')) as string[]
    const opening = { session: session!, role: 'sender', path: 'in' } as const
    const first = await Visitor.enter(path)
    expect(await first.asks({ ...opening, ticketKey })).toEqual({ granted: true })
    expect(await first.greets(session!, nonce!)).toBe('welcome')

    const key = sessionKey(ticketKey!, nonce!, session!)
    const stranger = await Visitor.enter(path)
    const unknown = await stranger.asks({ ...opening, session: 'f'.repeat(32) })
    expect(unknown).toMatchObject({ granted: false, code: 'session-unknown' })
    const attempts: readonly Partial<Opening>[] = [
      {},
      { ticketKey },
      { ticketKey: 'a'.repeat(64) },
      { proof: 'a'.repeat(64) },
      { proof: pipeProof(key, first.nonce, session!) }, // Overheard, for an older greeting.
      { proof: pipeProof(key, stranger.nonce, 'f'.repeat(32)) },
      { proof: pipeProof(ticketKey!, stranger.nonce, session!) },
    ]
    for (const attempt of attempts)
      expect(await stranger.asks({ ...opening, ...attempt }), JSON.stringify(attempt)).toEqual({
        ...unknown,
        sentence: `The other side knows no session ${session}.`,
      })
    const proof = pipeProof(key, stranger.nonce, session!)
    expect(await stranger.asks({ ...opening, path: 'elsewhere', proof })).toMatchObject({ code: 'session-unknown' })
    expect(await stranger.asks({ ...opening, proof })).toEqual({ granted: true })
    expect(await stranger.greets(session!, nonce!)).toBe('welcome')
  })

  it('R91: no path leads out of the folder that confines it, and nothing is made on the way', async () => {
    const path = scratchPath()
    mkdirSync(join(path, 'served'))
    const visitor = await Visitor.enter(path)
    const opening = { session: '1'.repeat(32), ticketKey: '2'.repeat(64) } as const
    for (const out of ['..', '../x', 'a/../../x', '/etc', '/', `${path}/served/..`, '.carryon/x', 'a\0b']) {
      for (const role of ['sender', 'receiver'] as const) {
        const answer = await visitor.asks({ ...opening, role, path: out })
        expect(answer.granted, `${role} ${JSON.stringify(out)}`).toBe(false)
      }
    }
    expect(existsSync(join(path, 'x'))).toBe(false)
    expect(readdirSync(path).toSorted()).toEqual(['served', 'state'])
  })

  it.each([
    ['a line without end', 'x'.repeat(40_000)],
    ['the end of its input', ''],
  ])('who says nothing it can use is let go: %s', async (_, text) => {
    const path = scratchPath()
    const visitor = await Visitor.enter(path)
    visitor.pipe.end(text)
    await visitor.gone
  })

  it('who speaks another language is answered, and may try again', async () => {
    const path = scratchPath()
    const visitor = await Visitor.enter(path)
    for (const text of ['SSH-2.0-x', '{}', '[]', 'null', '{"session":"../x","role":"sender","path":""}']) {
      visitor.pipe.write(`${text}\n`)
      expect(decodeAnswer((await readLine(visitor.pipe, lineMaxBytes)) ?? ''), text).toMatchObject({
        granted: false,
        code: 'protocol',
      })
    }
  })
})
