// Programs in the place of ssh, that fail, babble or stall: each ends in an error that says what to do, and none stays behind.

import { execFileSync } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { TransferError } from '../../../src/errors.ts'
import { openSsh, type SshChannel } from '../../../src/transport/ssh.ts'
import { scratchPath } from '../../support/scratch.ts'

const path = process.env['PATH']
afterEach(() => void (process.env['PATH'] = path))

const long = 60_000 // Never reached.
const greeting = 'carryon.v1 x'

interface Opened {
  readonly folder: string
  readonly said: string[]
  readonly opening: Promise<SshChannel>
  readonly stop: AbortController
}

/** Reaches for `far` by a program `ssh` that does what a script says. */
function open(script: string, limits: { readonly timeoutMs?: number; readonly answerMs?: number } = {}): Opened {
  const folder = scratchPath()
  writeFileSync(join(folder, 'ssh'), `#!/bin/sh\necho $$ > ${folder}/pid\n${script}\n`)
  chmodSync(join(folder, 'ssh'), 0o755)
  process.env['PATH'] = [folder, path].join(delimiter)
  const said: string[] = []
  const stop = new AbortController()
  const options = { destination: 'me@far', mayAsk: false, timeoutMs: long, answerMs: long, ...limits }
  const opening = openSsh(
    { ...options, onSaid: (line) => said.push(line), signal: stop.signal },
    (line) => line === greeting,
  )
  opening.catch(() => {})
  return { folder, said, opening, stop }
}

/** Its process has ended. */
async function expectGone({ folder }: Opened): Promise<void> {
  const isThere = (): boolean => {
    try {
      const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'))
      return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
    } catch {
      return false
    }
  }
  await expect.poll(isThere, { timeout: 10_000 }).toBe(false)
}

const failure = (promise: Promise<unknown>): Promise<TransferError> =>
  promise.then(
    () => expect.fail('it did not fail'),
    (error: unknown) => error as TransferError,
  )

describe('ssh', () => {
  it.each([
    [255, 'me@far: Permission denied (publickey).', 'ssh-refused'],
    [255, 'Host key verification failed.', 'ssh-refused'],
    [255, 'Received disconnect: Too many authentication failures', 'ssh-refused'],
    [255, 'ssh: Could not resolve hostname far: Name or service not known', 'peer-unreachable'],
    [255, 'ssh: connect to host far port 22: Connection refused', 'peer-unreachable'],
    [255, '', 'peer-unreachable'],
    [127, 'sh: 1: carryon: not found', 'no-carryon'],
    [2, 'carryon serve has no flag --stdio.', 'no-carryon'],
    [0, '', 'no-carryon'],
  ])('that ends with %i, saying "%s", is %s, and its words are passed on', async (code, words, expected) => {
    const opened = open(`echo "${words}" >&2; exit ${code}`)
    const error = await failure(opened.opening)
    expect(error.code).toBe(expected)
    expect(error.message).toContain(words)
    expect(opened.said.join('')).toBe(words)
  })

  it('whose output ends before it does itself is waited for: how it ends says why', async () => {
    const folder = scratchPath()
    execFileSync('mkfifo', [join(folder, 'fifo')])
    const opened = open(`exec >&-; read word < ${folder}/fifo; echo "sh: 1: carryon: not found" >&2; exit 127`)
    await writeFile(join(folder, 'fifo'), 'end\n')
    expect((await failure(opened.opening)).code).toBe('no-carryon')
  })

  it('whose other end says some things first is heard, and one that never comes to the point is let go', async () => {
    const polite = open(`echo Welcome; echo; echo ${greeting}; cat`)
    const channel = await polite.opening
    expect(channel.greeting).toBe(greeting)
    expect(await channel.ask('hello\n', polite.stop.signal)).toBe('hello')
    channel.destroy()
    await expectGone(polite)
    for (const babble of ['while :; do echo noise; done', 'head -c 70000 /dev/zero; exec sleep 1000']) {
      const opened = open(babble)
      expect(await failure(opened.opening)).toMatchObject({ code: 'no-carryon' })
      await expectGone(opened)
    }
  })

  it('that stalls is given up in every state: before the greeting, behind a question, in the handshake', async () => {
    const silent = open('exec sleep 1000', { timeoutMs: 100 })
    expect(await failure(silent.opening)).toMatchObject({ code: 'peer-unreachable' })
    await expectGone(silent)
    const acts: readonly ((channel: SshChannel, signal: AbortSignal) => Promise<unknown>)[] = [
      (channel, signal) => channel.ask('hello\n', signal),
      (channel, signal) => channel.connect('', signal),
    ]
    for (const act of acts) {
      const opened = open(`echo ${greeting}; exec sleep 1000`, { answerMs: 100 })
      const error = await failure(act(await opened.opening, opened.stop.signal))
      expect(error).toMatchObject({ code: 'connection-lost', retryable: 'soon' })
      expect(error.message).toContain('no answer within 100 ms')
      await expectGone(opened)
    }
  })

  it('is called off in every state', async () => {
    const silent = open('exec sleep 1000')
    silent.stop.abort(new Error('enough'))
    expect(await failure(silent.opening)).toMatchObject({ message: 'enough' })
    await expectGone(silent)
    const asked = open(`echo ${greeting}; exec sleep 1000`)
    const channel = await asked.opening
    const answer = channel.ask('hello\n', asked.stop.signal)
    asked.stop.abort(new Error('enough'))
    expect(await failure(answer)).toMatchObject({ message: 'enough' })
    await expectGone(asked)
  })

  it('whose answer has no end is refused', async () => {
    const opened = open(`echo ${greeting}; head -c 70000 /dev/zero; exec sleep 1000`)
    const channel = await opened.opening
    expect(await failure(channel.ask('hello\n', opened.stop.signal))).toMatchObject({ code: 'protocol' })
    await expectGone(opened)
  })

  it('that is not there is said to be missing', async () => {
    const opened = open('')
    process.env['PATH'] = '/nowhere'
    const options = { destination: 'far', mayAsk: false, timeoutMs: long, answerMs: long, onSaid: () => {} }
    const error = await failure(openSsh({ ...options, signal: opened.stop.signal }, () => true))
    expect(error).toMatchObject({ code: 'usage' })
    expect(error.message).toContain('There is no ssh on this machine')
  })
})
