// `carryon serve --stdio`: the other end of ssh. Whoever speaks through its standard input was let in by ssh. He says which
// session he comes for, and is led to it: to the process that holds it, or to this one, which then lives as long as it has a
// connection. What stays behind is an ordinary session of its folder: `receive`, `send` or another `--stdio` goes on with it.

import type { Duplex } from 'node:stream'
import { isTransferError, TransferError } from '../../../errors.ts'
import { helloDeadlineMs } from '../../../model/limits.ts'
import type { Opening } from '../../../model/opening.ts'
import { Pipe, readLine } from '../../../transport/pipe.ts'
import { answerLine, decodeOpening, greetingLine, openingMaxBytes } from '../../../wire/opening.ts'
import type { World } from '../../context.ts'
import { withoutPaths } from '../../reasons.ts'
import type { Stdio, StdioOptions } from '../../serve-api.ts'
import { Reception, WaitingRoom } from '../roads/listening.ts'
import { OutcomeCounts } from '../running/outcome-counts.ts'
import { makePlan, type Plan } from '../running/plan.ts'
import { startRun, type Finished, type RunContext } from '../running/run.ts'
import { receiverIdentity, senderIdentity } from '../known/same-command.ts'
import { Seat } from '../roads/seat.ts'
import { placeOf, type Place } from './stdio-place.ts'
import { claim, type Claim } from './stdio-session.ts'
import { aborted, deferred, sleep } from '../running/waiting.ts'
import { workOut } from '../running/work-out.ts'
import { Work } from '../running/work.ts'

const openingDeadlineMs = 60_000 // Between two openings a dialer only looks through what it has.
const lingerMs = 2_000 // To put on the disk what the two sides said last.

/** Serves one visitor. Resolves when he is gone and his session is in order. */
export async function serveStdio(
  { input, output }: Stdio,
  options: StdioOptions,
  makeWorld: () => Promise<World>,
): Promise<void> {
  const pipe = new Pipe(input, output)
  pipe.on('error', () => {}) // Told by 'close'.
  try {
    const world = await makeWorld()
    const visit = { world, pipe, options, nonce: Buffer.from(world.random.bytes(16)).toString('hex') }
    pipe.write(greetingLine({ version: 1, nonce: visit.nonce }))
    for (let isOver = false; !isOver;) {
      const line = await nextLine(visit)
      isOver = line === undefined || (await attend(visit, line))
    }
  } finally {
    pipe.destroy()
  }
}

/** Who speaks here, and what he was greeted with. */
interface Visit {
  readonly world: World
  readonly pipe: Pipe
  readonly options: StdioOptions
  readonly nonce: string
}

async function nextLine({ world, pipe }: Visit): Promise<string | undefined> {
  const cancel = world.clock.after(openingDeadlineMs, () => pipe.destroy())
  try {
    return await readLine(pipe, openingMaxBytes)
  } catch (error) {
    if (error instanceof RangeError) return undefined // He does not mean us.
    throw error
  } finally {
    cancel()
  }
}

/** Answers an opening. @returns true once its session has been worked on, false if it was refused and another may come */
async function attend(visit: Visit, line: string): Promise<boolean> {
  try {
    const opening = decodeOpening(line)
    const place = await placeOf(visit.world, opening, visit.options)
    try {
      return await live(visit, opening, place)
    } finally {
      await place.close()
    }
  } catch (error) {
    const told = visit.options.directory === undefined ? error : withoutPaths(error)
    if (!isTransferError(told)) throw error
    visit.pipe.write(answerLine({ granted: false, code: told.code, sentence: told.message }))
    return false
  }
}

/** @throws what stood in the way before the opening was granted */
async function live(visit: Visit, opening: Opening, place: Place): Promise<boolean> {
  let isGranted = false
  const run = startRun(
    place.role,
    { ...visit.options, progressIntervalMs: Infinity },
    async () => place.world,
    async (context) => {
      const plan = await planFor(context, place, visit.options)
      const claimed = await claim(plan, opening, visit.nonce)
      visit.pipe.write(answerLine({ granted: true }))
      isGranted = true
      return claimed.held instanceof Work ? serveHere(plan, claimed.held, claimed, visit.pipe) : handed(claimed, visit)
    },
  )
  for await (const event of run) void event // Who came sees it all himself; nobody looks on here.
  const { error } = await run.ending
  if (error !== null && (!isGranted || !isTransferError(error))) throw error
  return true
}

function planFor(context: RunContext, { role, home, sources }: Place, options: StdioOptions): Promise<Plan> {
  const identity = role === 'sender' ? senderIdentity(sources) : receiverIdentity(undefined)
  return makePlan(context, home, options, { identity, frozen: {}, sources })
}

/** Works on a session for as long as somebody is connected: this visitor, or one who was handed over to this process. */
function serveHere(plan: Plan, work: Work, { proof }: Claim, pipe: Pipe): Promise<Finished> {
  const { context, world } = plan.tools
  const room = new WaitingRoom(false)
  room.add(new Seat(work, world, () => {}))
  const reception = new Reception({ clock: world.clock, door: room, helloDeadlineMs })
  const streams = new Set<Duplex>()
  let alone = deferred<void>()
  const take: Parameters<RunContext['takeHandedOver']>[0] = (handed) => {
    streams.add(handed.stream)
    handed.stream.once('close', () => {
      streams.delete(handed.stream)
      if (streams.size === 0) alone.resolve()
    })
    void reception.takeOver(handed)
  }
  context.takeHandedOver(take)
  take({ stream: pipe, proof })
  return workOut(
    work,
    async (_runner, over) => {
      while (!over.aborted) {
        await Promise.race([alone.promise, aborted(over)])
        alone = deferred()
        await sleep(world.clock, lingerMs, over)
        if (streams.size === 0 && !over.aborted)
          throw new TransferError('connection-lost', { peer: 'ssh', cause: 'its standard input has ended' })
      }
    },
    plan,
  )
}

/** What becomes of the session is its holder's to tell. */
async function handed({ held }: Claim, { pipe }: Visit): Promise<Finished> {
  if (!(held instanceof Work)) await passOn(pipe, held)
  return { end: { how: 'paused', by: 'user' }, receiptPath: null, counts: new OutcomeCounts() }
}

/** Passes bytes both ways until either end is gone. */
function passOn(pipe: Duplex, stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    stream.once('close', () => pipe.end(() => pipe.destroy()))
    pipe.once('close', () => {
      stream.destroy()
      resolve()
    })
    pipe.pipe(stream).pipe(pipe)
  })
}
