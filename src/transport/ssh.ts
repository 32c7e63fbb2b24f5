// The system's ssh as a road: it brings the user's configuration, agent, jump hosts and hardware keys. It is started with a
// list of words in which only the destination comes from outside, behind `--`; the command it runs at the other end never
// changes. What ssh itself says is passed on line by line, and tells in the end why there is no connection.

import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { TransferError } from '../errors.ts'
import type { Connection } from '../model/connection.ts'
import { NoAnswer } from './dial-errors.ts'
import { Pipe, readLine } from './pipe.ts'
import { upgrade } from './upgrade.ts'

export interface SshOptions {
  /** `[user@]host`, checked: no dash in front. */
  readonly destination: string
  /** Whether ssh may ask for a password or a passphrase at the terminal. Otherwise it fails instead. */
  readonly mayAsk: boolean
  /** A line that ssh said, or what it started. */
  readonly onSaid: (line: string) => void
  /** Until the other end has greeted. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** ssh is through, and carryon answers at the other end. */
export interface SshChannel {
  /** As `ssh:HOST`, for messages. */
  readonly peer: string
  /** What came when it was waited for. */
  readonly greeting: string
  /** Says a line, and waits for the one that answers it. @throws TransferError `connection-lost`, `protocol` */
  ask(line: string): Promise<string>
  /** Begins the WebSocket; nothing is asked any more. */
  connect(proof: string): Promise<Connection>
  destroy(): void
}

const farCommand = ['carryon', 'serve', '--stdio']

/**
 * Ctrl-C at the terminal goes to ssh, too, which must live on until the two sides have said goodbye; what is ignored stays so
 * behind `exec`. ssh is looked for as a shell does.
 */
const script = 'command -v ssh >/dev/null || { echo no-ssh >&2; exit 127; }; trap "" INT HUP; exec ssh "$@"'

const setUp = [
  '-x', // No X11.
  '-T', // No terminal at the other end: it would change bytes.
  '-oForwardAgent=no',
  '-oPermitLocalCommand=no',
  '-oClearAllForwardings=yes',
  '-oRemoteCommand=none',
  '-oServerAliveInterval=15', // Else an ssh whose network died would outlive us for hours.
]

const noiseMaxBytes = 64 * 1024 // What a shell at the other end may say before carryon does.
const lineMaxBytes = 16 * 1024
const lastWordsMs = 500 // For what ssh said when it is gone; a shared master may keep standard error open for ever.
const linesKept = 20

/**
 * Starts ssh and waits for the greeting of what it runs at the other end.
 * @param isGreeting whether a line is one; what comes before it is passed over
 * @throws TransferError `usage` (there is no ssh), `ssh-refused`, `no-carryon`, `peer-unreachable`; `signal.reason` when aborted
 */
export async function openSsh(options: SshOptions, isGreeting: (line: string) => boolean): Promise<SshChannel> {
  const child = new SshChild(options)
  const timer = setTimeout(
    () => child.pipe.destroy(new NoAnswer(`no answer within ${options.timeoutMs} ms`)),
    options.timeoutMs,
  )
  const abort = (): void => void child.pipe.destroy()
  options.signal.addEventListener('abort', abort)
  if (options.signal.aborted) abort()
  try {
    const greeting = await child.greeting(isGreeting)
    if (greeting !== undefined) return channelOf(child, greeting)
    throw options.signal.aborted ? options.signal.reason : await child.failure()
  } finally {
    clearTimeout(timer)
    options.signal.removeEventListener('abort', abort)
  }
}

function channelOf(child: SshChild, greeting: string): SshChannel {
  const { pipe, peer } = child
  return {
    peer,
    greeting,
    async ask(line) {
      pipe.write(line)
      const answer = await readLine(pipe, lineMaxBytes).catch((error: unknown) => {
        throw error instanceof RangeError ? new TransferError('protocol', { why: 'its answer has no end' }) : error
      })
      if (answer !== undefined) return answer
      throw new TransferError('connection-lost', { peer, cause: 'ssh ended' })
    },
    connect: (proof) => upgrade(pipe, 'ws://ssh/', { peer, proof }),
    destroy: () => void pipe.destroy(),
  }
}

/** One process of ssh. */
class SshChild {
  readonly peer: string
  readonly pipe: Pipe
  readonly #destination: string
  readonly #said: string[] = []
  /** Its exit code; null: a signal ended it. */
  readonly #exit: Promise<number | null>
  readonly #silence: Promise<unknown>

  constructor({ destination, mayAsk, onSaid }: SshOptions) {
    this.peer = `ssh:${destination}`
    this.#destination = destination
    const words = [...setUp, `-oBatchMode=${mayAsk ? 'no' : 'yes'}`, '--', destination, ...farCommand]
    const child: ChildProcessByStdio<Writable, Readable, Readable> = spawn('/bin/sh', ['-c', script, 'ssh', ...words], {
      stdio: 'pipe',
    })
    this.pipe = new Pipe(child.stdout, child.stdin)
    this.pipe.on('error', () => {}) // Told by 'close'.
    this.pipe.once('close', () => child.kill())
    this.#exit = new Promise((resolve) => {
      child.once('exit', resolve).once('error', () => resolve(null))
    })
    void this.#exit.then(() => setTimeout(() => child.stderr.destroy(), lastWordsMs))
    this.#silence = new Promise((resolve) => child.stderr.once('close', resolve))
    createInterface({ input: child.stderr }).on('line', (line) => {
      this.#said.push(line)
      if (this.#said.length > linesKept) this.#said.shift()
      onSaid(line)
    })
  }

  /** Undefined if ssh ended, or what came is too long for the beginning of anything. */
  async greeting(isGreeting: (line: string) => boolean): Promise<string | undefined> {
    try {
      for (let leftBytes = noiseMaxBytes; leftBytes > 0;) {
        const line = await readLine(this.pipe, leftBytes)
        if (line === undefined || isGreeting(line)) return line
        leftBytes -= line.length + 1
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
    this.pipe.destroy()
    return undefined
  }

  /** Why there is no greeting. */
  async failure(): Promise<TransferError> {
    const cause = this.pipe.errored
    this.pipe.destroy()
    const code = await this.#exit
    await this.#silence
    return explain(this.#destination, code, this.#said, cause)
  }
}

/** Of ssh's own: it could not get in, or may not. */
const refused =
  /permission denied|host key verification failed|too many authentication failures|no matching|host key .* (changed|differs)|bad owner or permissions/i

function explain(host: string, code: number | null, said: readonly string[], error: Error | null): TransferError {
  const words = said.filter((line) => line.trim() !== '')
  const last = words.at(-1) ?? ''
  if (code === 127 && last === 'no-ssh')
    return new TransferError('usage', {
      problem: `There is no ssh on this machine, and ${host} is reached over it.`,
      remedy: 'Install OpenSSH, or pass a ticket instead (carryon help syntax).',
    })
  if (error instanceof NoAnswer) return unreachable(host, error.message)
  const refusal = words.findLast((line) => refused.test(line))
  if (code === 255 && refusal !== undefined) return new TransferError('ssh-refused', { host, cause: refusal })
  if (code === 255 || code === null) return unreachable(host, last || 'ssh ended')
  return new TransferError('no-carryon', { host, cause: last || `ssh ended with code ${code} and said nothing` })
}

function unreachable(host: string, cause: string): TransferError {
  return new TransferError('peer-unreachable', { addresses: [`ssh:${host}`], cause })
}
