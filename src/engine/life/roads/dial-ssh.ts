// The life of a session whose other side is reached over ssh: which session is meant, and keeping it connected. One ssh may
// be asked for several sessions, for it may have cost a password: those that began with this target, those of the same
// command that went another road so far, and in the end a new one.

import { refusalCode } from '../../../core/greeting.ts'
import { assert, hasCode, TransferError, type ErrorCode } from '../../../errors.ts'
import type { Opening } from '../../../model/opening.ts'
import type { HeaderRecord } from '../../../model/records.ts'
import { sshAddress, targetOfAddress, type SshTarget } from '../../../model/ssh-target.ts'
import { ownAddresses } from '../../../transport/addresses.ts'
import { pipeProof, sessionIdentity, sessionKey } from '../../../transport/keys.ts'
import { openSsh, type SshChannel } from '../../../transport/ssh.ts'
import { throttled } from '../../../transport/throttle.ts'
import { decodeAnswer, decodeGreeting, openingLine } from '../../../wire/opening.ts'
import { isBound, isOver, type Found } from '../known/catalog.ts'
import { resume } from './contention.ts'
import type { WayThere } from './dialing.ts'
import { keepConnected, type Travelled } from './keep-connected.ts'
import { isPlain, newHeader, offerOverSsh, type Plan } from '../running/plan.ts'
import type { Finished } from '../running/run.ts'
import { checkFrozen } from '../known/same-command.ts'
import { Work } from '../running/work.ts'

/** Lives a session with whoever is at a target. @param text as `parseSshTarget` reads it */
export async function dialSsh(plan: Plan, text: string): Promise<Finished> {
  const address = sshAddress(text)
  const road = new SshRoad(plan, address)
  try {
    const work = (await findWork(plan, road, address)) ?? (await Work.create(plan.tools, headerFor(plan, address)))
    return await keepConnected(plan, work, (travelled) => road.wayOf(work, travelled))
  } finally {
    road.close()
  }
}

/** Goes on with a session that began over ssh. */
export async function dialSshAgain(plan: Plan, found: Found): Promise<Finished> {
  const road = new SshRoad(plan, found.header.addresses[0]!)
  const work = await resume(plan, found)
  try {
    return await keepConnected(plan, work, (travelled) => road.wayOf(work, travelled))
  } finally {
    road.close()
  }
}

/** An unfinished session of the same command that the other end knows, held; undefined if there is none. */
async function findWork(plan: Plan, road: SshRoad, address: string): Promise<Work | undefined> {
  const begins = plan.options.new === true || plan.options.restart === true
  const olders = begins ? [] : plan.found.filter((it) => isOfCommand(plan, it))
  const [here, elsewhere] = [isHere, (it: Found) => !isHere(it) && isBound(it)].map((fits) => olders.filter(fits))
  for (const found of [...here!, ...elsewhere!]) {
    const work = isHere(found) ? await resume(plan, found) : await Work.hold(plan.tools, found.id, found)
    if (work === undefined) continue
    try {
      const isKnown = await road.isKnown(work)
      if (isKnown === true) checkFrozen(found.header, plan.frozen)
      if (isKnown === true || (isKnown === undefined && isHere(found))) return work
      await work.release()
      if (isKnown === undefined) return undefined
    } catch (error) {
      await work.release()
      throw error
    }
  }
  return undefined

  function isHere({ header }: Found): boolean {
    return header.addresses[0] === address
  }
}

function isOfCommand({ identity }: Plan, found: Found): boolean {
  const { side, identity: its } = found.header
  return side === 'dialer' && its === identity && !isOver(found) && !isPlain(found.header)
}

function headerFor(plan: Plan, address: string): HeaderRecord {
  const { random } = plan.tools.world
  const [id, key] = [16, 32].map((count) => Buffer.from(random.bytes(count)).toString('hex'))
  return newHeader(plan, offerOverSsh(plan.tools.world, { id: id!, key: key!, addresses: [address] }), 'dialer')
}

const dialTimeoutMs = 60_000 // TCP, jump hosts, log-in, and the start of Node over there.
const askTimeoutMs = 300_000 // A person looks for a password.
const answerMs = 30_000 // Who holds the session over there may have to let go of it first.
const saidMax = 200 // Lines of ssh that are remembered, so that a redial does not say them again.

/** The openings that may be asked for, and connections, by way of one target. */
class SshRoad {
  readonly #plan: Plan
  readonly #address: string
  readonly #target: SshTarget
  readonly #said = new Set<string>()
  #channel: SshChannel | undefined
  /** The session that the channel was granted for. */
  #granted: string | undefined

  constructor(plan: Plan, address: string) {
    const target = targetOfAddress(address)
    assert(target !== undefined, 'a road over ssh leads to a place that was read before')
    this.#plan = plan
    this.#address = address
    this.#target = target
  }

  /** Whether the other end knows a session; undefined if nobody can be reached just now. @throws TransferError if nobody will be */
  async isKnown(work: Work): Promise<boolean | undefined> {
    const { stop } = this.#plan.tools.context
    try {
      await this.#grant(work, isBound(work.found), stop)
      return true
    } catch (error) {
      if (gone.some((code) => hasCode(error, code))) return false
      const isAway = hasCode(error, 'peer-unreachable') || hasCode(error, 'connection-lost')
      if (isAway || stop.aborted) return undefined
      throw error
    }
  }

  wayOf(work: Work, { arrived, isBound: isBoundNow }: Travelled): WayThere {
    const { context, world } = this.#plan.tools
    return {
      addresses: [this.#address],
      ownAddresses,
      keys: () => [],
      dial: async (_key, signal) => {
        if (this.#granted !== work.id) await this.#grant(work, isBoundNow(), signal)
        const channel = this.#channel!
        this.#channel = this.#granted = undefined
        arrived(false)
        const connection = await channel.connect(sessionIdentity(work.id), signal)
        return throttled(connection, context.bandwidth, world.clock, context.spend)
      },
    }
  }

  close(): void {
    this.#channel?.destroy()
    this.#channel = undefined
  }

  /** Until this is answered with yes, other sessions may be asked for by the same ssh. @throws TransferError as the other end says */
  async #grant(work: Work, isBoundNow: boolean, signal: AbortSignal): Promise<void> {
    this.#channel ??= await this.#open(signal)
    const { nonce } = decodeGreeting(this.#channel.greeting)!
    try {
      const line = await this.#channel.ask(openingLine(this.#openingOf(work, isBoundNow, nonce)), signal)
      const answer = decodeAnswer(line)
      if (!answer.granted) throw TransferError.told(knownCode(answer.code), answer.sentence)
      this.#granted = work.id
    } catch (error) {
      if (!gone.some((code) => hasCode(error, code))) this.close()
      throw error
    }
  }

  #openingOf({ id, header, found }: Work, isBoundNow: boolean, nonce: string): Opening {
    const { bound } = found.checkpoint
    const { ticketKey } = header
    const key = bound?.sessionKey ?? (ticketKey && sessionKey(ticketKey, header.nonce, id))
    return {
      session: id,
      role: header.role,
      path: this.#target.path,
      ...(key && { proof: pipeProof(key, nonce, id) }),
      ...(!isBoundNow && ticketKey && { ticketKey }),
    }
  }

  async #open(signal: AbortSignal): Promise<SshChannel> {
    const mayAsk = this.#plan.options.mayAsk === true
    const timeoutMs = mayAsk ? askTimeoutMs : dialTimeoutMs
    const { destination } = this.#target
    const onSaid = (line: string): void => this.#pass(line)
    const options = { destination, mayAsk, onSaid, timeoutMs, answerMs, signal }
    const channel = await openSsh(options, (line) => decodeGreeting(line) !== undefined)
    const { version } = decodeGreeting(channel.greeting)!
    if (version === protocolVersion) return channel
    channel.destroy()
    throw new TransferError('version', { ours: String(protocolVersion), theirs: String(version) })
  }

  #pass(line: string): void {
    if (line.trim() === '' || this.#said.has(line) || this.#said.size >= saidMax) return
    this.#said.add(line)
    this.#plan.tools.context.reporter.warn('ssh', line.replace(/^warning: /i, '')) // Every warning is shown as one.
  }
}

const protocolVersion = 1

/** What the other end says of a session that is not there any more. */
const gone = ['session-unknown', 'discarded', 'expired'] as const

/** What a path or a busy session is refused with before there is a connection. */
const openingCodes: readonly ErrorCode[] = ['no-such-path', 'not-sendable', 'peer-busy']

function knownCode(code: string): ErrorCode {
  return openingCodes.find((known) => known === code) ?? refusalCode(code)
}
