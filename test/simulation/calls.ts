// Every call of one process to its disk goes through here: it may take a while, fail, be the last one before the process
// dies, or take the power with it.

import { translateFault } from '../../src/store/faults.ts'
import type { MemoryDisk, OperationKind } from '../../src/store/memory-disk.ts'
import type { DiskWatch } from './disk-watch.ts'
import type { Marks } from './marks.ts'
import type { Call, Gate } from './process-disk.ts'
import type { Process } from './process.ts'
import type { Chance } from './timeline.ts'

/** With it the process dies; `power`: and its machine; `damages`: and a part file is damaged before the next one starts. */
export interface LastCall {
  readonly call: number
  readonly power: boolean
  readonly damages?: boolean
}

/** What will go wrong in one process, by number of the call. */
export interface CallPlan {
  readonly last?: LastCall | undefined
  /**
   * The call that fails; `forMs` > 0: and all of its kind for so long, also those of the processes that come after. A code
   * of `bug` is no fault of the disk, but something that nobody expects.
   */
  readonly failed?: { readonly call: number; readonly forMs: number; readonly code?: string } | undefined
  readonly slow?: { readonly call: number; readonly ms: number } | undefined
}

/** A kind of calls that one side's disk goes on failing, and until when; whoever uses it meanwhile meets it. */
export interface Failing {
  now: { readonly kind: Call['kind']; readonly code: string; readonly until: number } | undefined
}

export interface CallTools {
  readonly process: Process
  readonly failing: Failing
  readonly disk: MemoryDisk
  readonly chance: Chance
  /** Longest that a call takes; 0: none takes any time. */
  readonly diskMs: number
  readonly plan: CallPlan
  readonly watch: DiskWatch
  readonly marks: Marks
  readonly note: (what: string) => void
  /** It was the last call; the process must be dead on return. */
  readonly died: (last: LastCall, what: string) => void
  readonly fail: (why: string) => void
  /** A call fails on purpose. */
  readonly failed: (path: string, code: string) => void
  /** A file got a name below the target. */
  readonly published: (path: string) => Promise<void>
}

export const bug = 'bug'
const callsAtOnceMax = 20_000
/** Of what lies in the target, but for our own. */
const finalName = /^\/dst\/(?!\.carryon(\/|$))/

/** What the system may answer to a call, besides doing it. */
export const errnos: Readonly<Record<Call['kind'], readonly string[]>> = {
  open: ['EIO', 'EINTR', 'EMFILE', 'ENFILE', 'EACCES', 'EBUSY', 'ENOENT'],
  create: ['EIO', 'EINTR', 'EMFILE', 'EACCES', 'ENOSPC', 'EDQUOT', 'EROFS'],
  read: ['EIO', 'EINTR', 'EACCES'],
  write: ['EIO', 'EINTR', 'ENOSPC', 'EDQUOT'],
  truncate: ['EIO', 'EINTR', 'ENOSPC'],
  stat: ['EIO', 'EACCES'],
  metadata: ['EIO', 'EROFS', 'EACCES'],
  'sync-file': ['EIO', 'EINTR', 'ENOSPC', 'EDQUOT'],
  'sync-directory': ['EIO', 'EINTR'],
  list: ['EIO', 'EACCES'],
  make: ['EIO', 'EACCES', 'ENOSPC', 'EDQUOT', 'EROFS'],
  link: ['EIO', 'ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'ENOENT'],
  rename: ['EIO', 'ENOSPC', 'EROFS', 'EACCES', 'EBUSY', 'ENOENT'],
  remove: ['EIO', 'EROFS', 'EACCES', 'EBUSY'],
  close: ['EIO', 'EINTR'],
}

export class Calls implements Gate {
  readonly handles: Set<object>
  readonly #tools: CallTools

  constructor(tools: CallTools) {
    this.#tools = tools
    this.handles = tools.process.handles
  }

  async pass<T>(call: Call, act: () => Promise<T>): Promise<T> {
    const { process, chance, diskMs, plan, marks } = this.#tools
    if (!process.isAlive || this.#isBusyLoop(call)) return never()
    const number = process.calls.push(call.kind)
    const isLast = number === plan.last?.call
    const isDone = !isLast || chance.is(0.5)
    if (diskMs > 0) await process.sleep(chance.fraction() * diskMs)
    if (number === plan.slow?.call) {
      marks.note('call took long')
      await process.sleep(plan.slow.ms)
    }
    const result = isDone ? await this.#do(number, call, act) : undefined
    if (isLast && process.isAlive) this.#tools.died(plan.last!, `${call.kind} ${call.path}`)
    return process.isAlive && isDone ? (result as T) : never()
  }

  /** Calls without end while no time passes would never let the simulation go on. */
  #isBusyLoop({ kind, path }: Call): boolean {
    const now = this.#tools.process.clock.now()
    if (now !== this.#instant.at) this.#instant = { at: now, calls: 0 }
    if (++this.#instant.calls < callsAtOnceMax) return false
    this.#tools.fail(`${this.#tools.process.role} goes on and on at ${kind} ${path}`)
    return true
  }
  #instant = { at: -1, calls: 0 }

  async #do<T>(number: number, call: Call, act: () => Promise<T>): Promise<T> {
    const { process, watch, marks, published } = this.#tools
    watch.before(process.role, call)
    const code = this.#faultOf(number, call)
    if (code !== undefined) return this.#fail(code, call, act)
    const result = await act()
    const isNamed = (call.kind === 'link' && result !== false) || call.kind === 'rename'
    if (isNamed && finalName.test(call.path)) await published(call.path)
    // While it restores, only what an intent says is in place makes it sync a directory of the target.
    if (call.kind === 'sync-directory' && process.runner === undefined && finalName.test(`${call.path}/`))
      marks.note('found in place while restoring')
    return result
  }

  #faultOf(number: number, call: Call): string | undefined {
    const code = this.#lastingFault(call) ?? this.#plannedFault(number, call)
    if (code === undefined) return undefined
    this.#tools.process.hits.add(code)
    this.#tools.failed(call.path, code)
    return code
  }

  #lastingFault({ kind }: Call): string | undefined {
    const { process, failing, marks } = this.#tools
    if (failing.now !== undefined && process.clock.now() >= failing.now.until) failing.now = undefined
    if (failing.now?.kind !== kind) return undefined
    marks.note('call failed again and again')
    return failing.now.code
  }

  #plannedFault(number: number, { kind, path }: Call): string | undefined {
    const { process, failing, chance, plan, marks, note } = this.#tools
    if (number !== plan.failed?.call) return undefined
    const code = plan.failed.code ?? chance.pick(errnos[kind])
    if (code !== bug && !errnos[kind].includes(code)) return undefined // No system answers that to this call.
    if (plan.failed.forMs > 0) failing.now = { kind, code, until: process.clock.now() + plan.failed.forMs }
    marks.note('call failed once')
    note(`${process.role}: ${kind} ${path} fails with ${code}`)
    return code
  }

  /** Fails as the real system does: half a write is done, a sync takes along what it was to save. */
  async #fail<T>(code: string, { kind, path, file, bytes, writeFirst }: Call, act: () => Promise<T>): Promise<T> {
    const { disk, chance, watch, marks } = this.#tools
    if (code === bug) throw new Error(`nobody expects this of ${kind} ${path}`)
    if (kind === 'sync-file' || kind === 'sync-directory') {
      marks.note('sync failed')
      disk.failNext(kind satisfies OperationKind, code)
      if (file !== undefined) watch.syncFailed(file)
      return act()
    }
    if (kind === 'write' && bytes!.length > 1) {
      marks.note('write failed half way')
      await writeFirst!(chance.below(bytes!.length))
    }
    if (kind === 'close') await act()
    const cause = Object.assign(new Error(`${code}: told by the system, ${kind} '${path}'`), { code })
    throw translateFault(cause, { operation: kind, path, neededBytes: bytes?.length ?? 0 })
  }
}

function never<T>(): Promise<T> {
  return new Promise<T>(() => {})
}
