// Who holds a session: a listening unix socket `lock.<n>` in its directory. The kernel frees it at the holder's death,
// however that comes; no time, no process id is ever trusted (R43). The same socket is the holder's control channel: one
// line of JSON each way, or a stream of lines for who watches.
//
// Nobody unlinks a name in order to bind it, for two starters would delete each other's. Instead:
// 1. List the sockets and ask each. One that says `held`, or lives and says nothing (stopped), holds: give up.
// 2. Bind the number after the highest, say `starting` to who asks, and list again: whoever bound before now shows, and
//    whoever binds later will see us.
// 3. Ask each again. `held`, or `starting` with a higher number: give up. `starting` with a lower one: it either saw us and
//    gives up, or became holder before: ask until it is decided. So of all starters exactly one is left.
// 4. The holder removes the sockets of the dead.

import * as net from 'node:net'
import { TransferError } from '../errors.ts'
import type { Directory } from '../model/disk.ts'
import type { Name } from '../model/names.ts'
import { faultName, meansNoSockets, translateFault } from './faults.ts'
import { firstLine, LineReader } from './lines.ts'

/** Answers a request that came over the control channel. Requests come from this user's processes only, and are still to be checked. */
export type Answer = (request: unknown) => Promise<unknown>

/**
 * What becomes of a connection that another process of this user hands over: a function that takes it, or undefined where it
 * is not wanted. Requests are to be checked as those of `Answer`.
 */
export type TakeOver = (request: unknown) => ((socket: net.Socket) => void) | undefined

/** Takes the lock of a session directory; undefined if a live process holds it. What `createSession` and its kin are handed. */
export type Locker = (directory: Directory) => Promise<Lock | undefined>

/** A session that this process holds. */
export interface Lock {
  /** Sends a line to everybody who watches; one who reads too slowly is let go. */
  broadcast(line: string): void
  /** Whether the socket is still the one that was bound: false means that somebody removed it, and this process must stop (R44). */
  isHeld(): Promise<boolean>
  /** Lets go. `directory` must still be open. */
  release(): Promise<void>
}

const lineMaxBytes = 64 * 1024
const silentMs = 2_000 // A live holder answers in far less; one that does not is stopped, and holds.
const farewellMs = 500 // For a watcher to read the last lines.
const watcherMaxBytes = 1024 * 1024 // Of lines a watcher has not read.

const taken = '{"taken":true}' // The holder has the connection; its next bytes are the connection's.

/** What a socket says of its owner; `gone`: there is none. */
type Claim = 'held' | 'starting' | 'gone'

/**
 * Takes the lock of a session directory.
 * @returns undefined if a live process holds it, however quiet it is
 */
export async function takeLock(
  directory: Directory,
  answer: Answer,
  takeOver: TakeOver = () => undefined,
): Promise<Lock | undefined> {
  for (;;) {
    const numbers = await socketsIn(directory)
    for (const number of numbers) {
      if ((await claimOf(directory, number)) === 'held') return undefined
    }
    const socket = await LockSocket.bind(directory, (numbers[0] ?? 0) + 1, { answer, takeOver })
    if (socket === undefined) continue // Another starter has this number.
    try {
      if (await isWon(directory, socket.number)) {
        await socket.becomeHolder()
        return socket
      }
    } catch (error) {
      await socket.release()
      throw error
    }
    await socket.release()
    return undefined
  }
}

/** Asks the holder. @returns its answer; undefined if nobody holds the session or nothing came within `timeoutMs` */
export async function askHolder(directory: Directory, request: unknown, timeoutMs: number): Promise<unknown> {
  for (const number of await socketsIn(directory)) {
    const reply = await converse(directory, number, { ask: 'answer', request }, timeoutMs)
    if (reply.kind === 'silent') return undefined
    if (reply.kind === 'line') return (reply.value as { answer?: unknown }).answer
  }
  return undefined
}

/**
 * Hands what comes behind it over to the holder: a stream to pass the bytes of a connection through, both ways. Undefined if
 * nobody holds the session, or the holder does not want it, or says nothing within `timeoutMs`.
 */
export async function handOver(
  directory: Directory,
  request: unknown,
  timeoutMs: number,
): Promise<net.Socket | undefined> {
  for (const number of await socketsIn(directory)) {
    const socket = await connect(directory, number)
    if (typeof socket === 'string') continue
    try {
      socket.write(`${JSON.stringify({ ask: 'take-over', request })}\n`)
      if ((await firstLine(socket, lineMaxBytes, timeoutMs)) === taken) return socket
    } catch {
      // It says nothing, or too much: as if it did not want it.
    }
    socket.destroy()
  }
  return undefined
}

/** The lines that the holder broadcasts from now on; ends when it ends. Nothing, if nobody holds the session. */
export async function* watchHolder(directory: Directory): AsyncGenerator<string> {
  for (const number of await socketsIn(directory)) {
    const socket = await connect(directory, number)
    if (typeof socket === 'string') continue
    try {
      socket.write(`${JSON.stringify({ ask: 'watch' })}\n`)
      const reader = new LineReader(lineMaxBytes)
      for await (const bytes of socket) yield* reader.lines(bytes as Buffer)
    } catch (error) {
      if (faultName(error) !== 'ECONNRESET') throw error // The holder died: the end, too.
    } finally {
      socket.destroy()
    }
  }
}

async function isWon(directory: Directory, own: number): Promise<boolean> {
  for (const number of await socketsIn(directory)) {
    if (number === own) continue
    let claim = await claimOf(directory, number)
    if (claim === 'starting' && number > own) return false
    while (claim === 'starting') claim = await claimOf(directory, number)
    if (claim === 'held') return false
  }
  return true
}

/** The numbers of the sockets that are there, highest first. */
async function socketsIn(directory: Directory): Promise<number[]> {
  const names = await directory.list()
  return names
    .flatMap((name) => /^lock\.([1-9][0-9]{0,14})$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => b - a)
}

async function claimOf(directory: Directory, number: number): Promise<Claim> {
  for (;;) {
    const reply = await converse(directory, number, { ask: 'claim' }, silentMs)
    if (reply.kind === 'gone') return 'gone'
    if (reply.kind === 'silent') return 'held'
    if (reply.kind === 'line') return (reply.value as { claim?: unknown }).claim === 'starting' ? 'starting' : 'held'
    // Ended without a word: it is going. The next knock tells whether it went.
  }
}

type Reply = { readonly kind: 'line'; readonly value: unknown } | { readonly kind: 'silent' | 'gone' | 'ended' }

/** One line there, one line back. */
async function converse(directory: Directory, number: number, request: unknown, timeoutMs: number): Promise<Reply> {
  const socket = await connect(directory, number)
  if (typeof socket === 'string') return { kind: socket }
  try {
    socket.write(`${JSON.stringify(request)}\n`)
    const line = await firstLine(socket, lineMaxBytes, timeoutMs)
    return line === undefined ? { kind: 'ended' } : { kind: 'line', value: JSON.parse(line) ?? {} }
  } catch {
    return { kind: 'silent' }
  } finally {
    socket.destroy()
  }
}

/** A connection to whoever listens on this socket; `gone` if nobody does, `silent` if he accepts none (stopped, queue full). */
function connect(directory: Directory, number: number): Promise<net.Socket | 'gone' | 'silent'> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(directory.socketPath(nameOf(number)))
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      socket.on('error', () => undefined) // Comes with 'close', which says enough.
      resolve(socket)
    })
    socket.once('error', (error) => {
      // A reset: its owner stopped listening while we stood in its queue.
      if (['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'ENOTSOCK'].includes(faultName(error))) resolve('gone')
      else if (faultName(error) === 'EAGAIN') resolve('silent')
      else reject(translateFault(error, { operation: 'reach', path: `${directory.label}/${nameOf(number)}` }))
    })
  })
}

/** What its holder does for others. */
interface Talk {
  readonly answer: Answer
  readonly takeOver: TakeOver
}

class LockSocket implements Lock {
  readonly number: number
  readonly #directory: Directory
  readonly #server: net.Server
  readonly #talk: Talk
  readonly #sockets = new Set<net.Socket>()
  readonly #watchers = new Set<net.Socket>()
  #isHolder = false
  #inode: bigint | undefined

  private constructor(directory: Directory, number: number, talk: Talk) {
    this.#directory = directory
    this.number = number
    this.#talk = talk
    this.#server = net.createServer((socket) => this.#serve(socket))
  }

  /** Binds and listens; undefined if the name is taken. */
  static async bind(directory: Directory, number: number, talk: Talk): Promise<LockSocket | undefined> {
    const lock = new LockSocket(directory, number, talk)
    try {
      await new Promise<void>((resolve, reject) => {
        lock.#server.once('error', reject)
        lock.#server.listen({ path: directory.socketPath(nameOf(number)), exclusive: true }, resolve)
      })
    } catch (error) {
      if (faultName(error) === 'EADDRINUSE') return undefined
      if (meansNoSockets(error)) throw new TransferError('no-locks', { path: directory.label }, { cause: error })
      throw translateFault(error, { operation: 'bind', path: `${directory.label}/${nameOf(number)}` })
    }
    lock.#server.unref() // Holding a session keeps no process alive.
    lock.#inode = (await directory.stat(nameOf(number)))?.inode
    return lock
  }

  async becomeHolder(): Promise<void> {
    this.#isHolder = true
    for (const number of await socketsIn(this.#directory)) {
      // A higher one may have been bound just now, and not listen yet.
      const isDead = number < this.number && (await claimOf(this.#directory, number)) === 'gone'
      if (isDead) await this.#directory.unlink(nameOf(number))
    }
  }

  broadcast(line: string): void {
    for (const watcher of this.#watchers) {
      if (watcher.writableLength > watcherMaxBytes) watcher.destroy()
      else watcher.write(`${line}\n`)
    }
  }

  async isHeld(): Promise<boolean> {
    const stat = await this.#directory.stat(nameOf(this.number))
    return stat !== undefined && stat.inode === this.#inode
  }

  async release(): Promise<void> {
    this.#isHolder = false
    const gone = [...this.#sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
    for (const socket of this.#sockets) {
      if (this.#watchers.has(socket)) socket.setTimeout(farewellMs, () => socket.destroy()).destroySoon()
      else socket.destroy()
    }
    this.#server.close() // Removes the name, too. Its callback would wait for connections that were taken over.
    await Promise.all(gone)
    await new Promise(setImmediate) // The handle is closed at the end of this turn.
  }

  #serve(socket: net.Socket): void {
    this.#sockets.add(socket)
    socket.unref()
    socket.on('error', () => undefined)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#watchers.delete(socket)
    })
    firstLine(socket, lineMaxBytes, silentMs)
      .then((line) => this.#reply(socket, JSON.parse(line ?? 'null')))
      .catch(() => socket.destroy())
  }

  async #reply(socket: net.Socket, asked: { ask?: unknown; request?: unknown } | null): Promise<void> {
    switch (asked?.ask) {
      case 'claim':
        socket.end(`${JSON.stringify({ claim: this.#isHolder ? 'held' : 'starting' })}\n`)
        return
      case 'answer': {
        if (!this.#isHolder) break
        const answer = await this.#talk.answer(asked.request)
        socket.end(`${JSON.stringify({ answer })}\n`)
        return
      }
      case 'take-over': {
        const take = this.#isHolder ? this.#talk.takeOver(asked.request) : undefined
        if (take === undefined) break
        this.#sockets.delete(socket) // From here on it lives and ends with the connection.
        socket.ref().write(`${taken}\n`)
        return take(socket)
      }
      case 'watch':
        if (!this.#isHolder) break
        socket.resume()
        this.#watchers.add(socket)
        return
    }
    socket.destroy()
  }
}

function nameOf(number: number): Name {
  return `lock.${number}`
}
