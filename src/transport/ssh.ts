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
  /** Until the other end has greeted; a person may have to be asked meanwhile. */
  readonly timeoutMs: number
  /** For each answer behind that. */
  readonly answerMs: number
  readonly signal: AbortSignal
}

/** ssh is through, and carryon answers at the other end. */
export interface SshChannel {
  /** As `ssh:HOST`, for messages. */
  readonly peer: string
  /** What came when it was waited for. */
  readonly greeting: string
  /** Says a line, and waits for the one that answers it. @throws TransferError `connection-lost`, `protocol`; `signal.reason` */
  ask(line: string, signal: AbortSignal): Promise<string>
  /** Begins the WebSocket; nothing is asked any more. @throws TransferError `peer-unreachable`; `signal.reason` */
  connect(proof: string, signal: AbortSignal): Promise<Connection>
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
  const greeting = await limited(child.pipe, options.timeoutMs, options.signal, () => child.greeting(isGreeting))
  if (greeting === undefined) throw await child.failure()
  return channelOf(child, greeting, options.answerMs)
}

function channelOf({ pipe, peer }: SshChild, greeting: string, answerMs: number): SshChannel {
  const lost = (error: unknown): TransferError => {
    if (error instanceof RangeError) return new TransferError('protocol', { why: 'its answer has no end' })
    const cause = (pipe.errored ?? (error as Error | undefined))?.message ?? 'ssh ended'
    return new TransferError('connection-lost', { peer, cause }, { cause: error })
  }
  const within = <T>(signal: AbortSignal, act: () => Promise<T>): Promise<T> =>
    limited(pipe, answerMs, signal, () =>
      act().catch((error: unknown) => {
        throw lost(error)
      }),
    )
  return {
    peer,
    greeting,
    ask: (line, signal) =>
      within(signal, async () => {
        pipe.write(line)
        const answer = await readLine(pipe, lineMaxBytes)
        if (answer !== undefined) return answer
        throw pipe.errored ?? new Error('ssh ended')
      }),
    connect: (proof, signal) => within(signal, () => upgrade(pipe, 'ws://ssh/', { peer, proof })),
    destroy: () => void pipe.destroy(),
  }
}

/** Ends ssh when the time for an act is over, or its owner calls it off. @throws `signal.reason` where that is why */
async function limited<T>(pipe: Pipe, forMs: number, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
  const timer = setTimeout(() => pipe.destroy(new NoAnswer(`no answer within ${forMs} ms`)), forMs)
  const abort = (): void => void pipe.destroy()
  signal.addEventListener('abort', abort)
  if (signal.aborted) abort()
  try {
    const done = await act()
    if (signal.aborted) throw signal.reason
    return done
  } catch (error) {
    pipe.destroy()
    throw signal.aborted ? signal.reason : error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
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

  /** Undefined if there is none: ssh ended, or somebody else talks there. */
  async greeting(isGreeting: (line: string) => boolean): Promise<string | undefined> {
    try {
      for (let leftBytes = noiseMaxBytes; leftBytes > 0;) {
        const line = await readLine(this.pipe, leftBytes)
        if (line === undefined) await this.#exit // How it ends says why: to close its pipe now would end it otherwise.
        if (line === undefined || isGreeting(line)) return line
        leftBytes -= line.length + 1
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
    this.pipe.destroy(new Babble('it talks of other things'))
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

/** So much came, and no greeting. */
class Babble extends Error {}

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
  if (error instanceof Babble) return new TransferError('no-carryon', { host, cause: `${error.message}.` })
  if (error instanceof NoAnswer) return unreachable(host, error.message)
  const refusal = words.findLast((line) => refused.test(line))
  if (code === 255 && refusal !== undefined) return new TransferError('ssh-refused', { host, cause: refusal })
  if (code === 255 || code === null) return unreachable(host, last || 'ssh ended')
  return new TransferError('no-carryon', { host, cause: last || `ssh ended with code ${code} and said nothing` })
}

function unreachable(host: string, cause: string): TransferError {
  return new TransferError('peer-unreachable', { addresses: [`ssh:${host}`], cause })
}
