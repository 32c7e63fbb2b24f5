// The files of a simulated run: the source and its edits, the target and what lay there, and what may be found in it.

import type { Directory } from '../../src/model/disk.ts'
import type { Hash64 } from '../../src/model/hash.ts'
import type { Role } from '../../src/model/session.ts'
import type { MemoryDisk } from '../../src/store/memory-disk.ts'
import { digestOf } from './disk-check.ts'
import type { Heard } from './heard.ts'
import { contentOf, type Scenario } from './scenario.ts'
import type { Chance } from './timeline.ts'

type Path = readonly string[]

export interface TreeTools {
  readonly scenario: Scenario
  readonly disks: Record<Role, MemoryDisk>
  readonly chance: Chance
  readonly heard: Heard
  readonly hash: Hash64
  readonly fail: (why: string) => void
}

export class Trees {
  readonly #tools: TreeTools
  readonly #scenario: Scenario
  readonly #disks: Record<Role, MemoryDisk>
  readonly #chance: Chance
  readonly #fail: (why: string) => void
  /** Every content a source file ever had, by the path it lands at. */
  readonly #versions = new Map<string, Set<string>>()
  /** What others put into the target. */
  #foreign = new Map<string, string>()
  readonly #edited = new Set<string>()
  /** Power was cut, and files in their places had not been synced. */
  mayBeTorn = false
  /** A journal that was damaged may have forgotten a name that it had reserved: the empty file is somebody's, for all it knows. */
  mayBeReserved = false

  constructor(tools: TreeTools) {
    this.#tools = tools
    this.#scenario = tools.scenario
    this.#disks = tools.disks
    this.#chance = tools.chance
    this.#fail = tools.fail
  }

  /** What others had put into the target by now. */
  get foreign(): ReadonlyMap<string, string> {
    return new Map(this.#foreign)
  }

  /** The target is what it was when this was all that others had put there. */
  rollBack(foreign: ReadonlyMap<string, string>): void {
    this.#foreign = new Map(foreign)
  }

  async plant(): Promise<void> {
    const { files, directories, links, before } = this.#scenario
    const source = await this.#disks.sender.openRoot('/src')
    await this.#disks.receiver.openRoot('/dst')
    for (const path of directories) await enter(source, path)
    for (const { path, content, mode } of files) {
      await put(source, path, content, mode)
      this.#versionsOf(path).add(textOf(content))
    }
    for (const { path, target } of links) await source.makeLink(path.at(-1)!, target)
    await source.sync()
    const target = await this.#disks.receiver.openRoot('/dst')
    for (const [i, what] of before) {
      const { path, content, mode } = files[i]!
      const other = contentOf(this.#chance)
      const there = what === 'same' ? content : other
      const mtimeUs = what === 'same' ? await mtimeOf(source, path) : this.#chance.pick([0, 4e15])
      await put(target, this.#landing(path), there, mode, mtimeUs)
      this.#foreign.set(this.#landing(path).join('/'), textOf(there))
    }
    await target.sync()
  }

  #landing(path: Path): Path {
    return this.#scenario.isSpilled ? path : ['src', ...path]
  }

  #versionsOf(path: Path): Set<string> {
    const key = this.#landing(path).join('/')
    let versions = this.#versions.get(key)
    if (versions === undefined) this.#versions.set(key, (versions = new Set()))
    return versions
  }

  /** Changes a source file in one of the ways people do. */
  async edit(): Promise<string> {
    const { files } = this.#scenario
    if (files.length === 0) return 'nothing to edit'
    const { path } = this.#chance.pick(files)
    const source = await this.#disks.sender.openRoot('/src')
    const parent = await enter(source, path.slice(0, -1))
    const name = path.at(-1)!
    if ((await parent.stat(name)) === undefined) return 'nothing there'
    this.#edited.add(this.#landing(path).join('/'))
    const how = this.#chance.pick(['overwrite', 'append', 'truncate', 'replace', 'delete', 'touch'] as const)
    if (how === 'delete') await parent.unlink(name)
    else if (how === 'replace') {
      await put(source, [...path.slice(0, -1), 'fresh'], contentOf(this.#chance), 0o644)
      await parent.rename('fresh', parent, name)
    } else {
      const file = await parent.openFile(name, 'update')
      const { size } = await file.stat()
      if (how === 'overwrite') await file.write(this.#chance.bytes(Math.min(size, 100)), Math.max(0, size - 150))
      if (how === 'append') await file.write(this.#chance.bytes(300), size)
      if (how === 'truncate') await file.truncate(this.#chance.below(size + 1))
      if (how === 'touch') await file.setTimes(this.#chance.below(1e15))
      await file.sync()
    }
    await parent.sync()
    if (how !== 'delete') this.#versionsOf(path).add(textOf(await read(parent, name)))
    return `${how} ${path.join('/')}`
  }

  /** Somebody else makes a file where one will land; undefined if nothing came of it. */
  async intrude(): Promise<string | undefined> {
    const { files } = this.#scenario
    if (files.length === 0) return undefined
    const path = this.#landing(this.#chance.pick(files).path)
    const target = await this.#disks.receiver.openRoot('/dst')
    const key = path.join('/')
    const parent = await enter(target, path.slice(0, -1))
    if ((await parent.stat(path.at(-1)!)) !== undefined) return undefined
    const content = Uint8Array.from(Buffer.from(`intruder ${this.#chance.hex(8)}`))
    if (this.#disks.receiver.capacityBytes !== Infinity) return undefined
    this.#foreign.set(key, textOf(content))
    await put(target, path, content, 0o644)
    for (const depth of path.keys()) await (await enter(target, path.slice(0, depth))).sync() // A folder that carryon made, too.
    return key
  }

  /** A name was given below the target: what it names must be whole (R3). @returns the inode of a file */
  async checkPublished(path: string): Promise<bigint | undefined> {
    const parts = path.split('/').slice(2)
    const target = await this.#disks.receiver.openRoot('/dst')
    const parent = await enter(target, parts.slice(0, -1))
    const stat = await parent.stat(parts.at(-1)!)
    if (stat?.kind !== 'file') return undefined
    const content = await read(parent, parts.at(-1)!)
    this.#mayBe(parts, content)
    this.#mustBeAuthorised(parts, content)
    return stat.inode
  }

  /** Whoever gets a final name was verified by the receiver and authorised by the sender (R112). */
  #mustBeAuthorised(path: Path, content: Uint8Array): void {
    const { heard, hash, scenario } = this.#tools
    const entry = heard.entryAt(path) ?? heard.entryAt(offeredPath(path))
    if (entry === undefined) return // Said already.
    if (!heard.isAuthorised(entry, digestOf(content, scenario.limits.chunkBytes, hash)))
      this.#fail(`R112: ${path.join('/')} got its name before the sender authorised its content`)
  }

  /** Everything below the target is whole. */
  async checkAll(): Promise<void> {
    for (const [path, content] of await listed(await this.#disks.receiver.openRoot('/dst'), []))
      this.#mayBe(path.split('/'), content)
  }

  #mayBe(path: Path, content: Uint8Array): void {
    const key = path.join('/')
    const offered = offeredPath(path).join('/')
    const text = textOf(content)
    if (content.length === 0 && !this.#scenario.hasLinks && this.#versions.has(offered)) return // Reserved (R6).
    if (this.#versions.get(offered)?.has(text) === true || this.#foreign.get(key) === text) return
    if (this.mayBeTorn && this.#versions.has(offered)) return
    if (!this.#versions.has(offered)) this.#fail(`${key} is outside the manifest: R59`)
    else this.#fail(`${key} (${content.length} bytes) is no version of its source: R3`)
  }

  /**
   * Both sides have ended: the target is what the policy makes of the source.
   * @param isExcused whether this path need not have arrived
   */
  async checkEnd(isExcused: (path: Path) => boolean): Promise<void> {
    await this.checkAll()
    const { onConflict, files } = this.#scenario
    const there = await listed(await this.#disks.receiver.openRoot('/dst'), [])
    for (const { path, content, mode } of files) {
      const key = this.#landing(path).join('/')
      const found = there.get(key)
      const foreign = this.#foreign.get(key)
      const isStill = found !== undefined && textOf(found) === foreign
      if (
        foreign !== undefined &&
        !isStill &&
        onConflict !== 'replace' &&
        onConflict !== 'update' &&
        onConflict !== 'fail'
      )
        if (found === undefined || textOf(found) !== textOf(content)) this.#fail(`${key} of somebody else was lost: R6`)
      const isReserved = this.mayBeReserved && found?.length === 0 && content.length > 0
      if (this.#edited.has(key) || foreign !== undefined || isReserved || isExcused(this.#landing(path))) continue
      if (found === undefined || textOf(found) !== textOf(content)) {
        this.#fail(`${key} did not arrive as it is: ${found?.length} of ${content.length} bytes`)
        continue
      }
      const target = await this.#disks.receiver.openRoot('/dst')
      const source = await this.#disks.sender.openRoot('/src')
      if ((await mtimeOf(target, this.#landing(path))) !== (await mtimeOf(source, path)))
        this.#fail(`${key} has another time`)
      if ((await modeOf(target, this.#landing(path))) !== mode) this.#fail(`${key} has another mode`)
    }
  }
}

/** `name (2)` is where `name` landed beside another. */
const offeredPath = (path: Path): Path => [...path.slice(0, -1), path.at(-1)!.replace(/ \([0-9]+\)$/, '')]

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

async function enter(root: Directory, path: Path): Promise<Directory> {
  let directory = root
  for (const name of path) {
    if (await directory.makeDirectory(name, 0o755)) await directory.sync()
    directory = await directory.openDirectory(name)
  }
  return directory
}

async function put(root: Directory, path: Path, content: Uint8Array, mode: number, mtimeUs?: number): Promise<void> {
  const parent = await enter(root, path.slice(0, -1))
  await parent.unlink(path.at(-1)!)
  const file = await parent.openFile(path.at(-1)!, 'create')
  if (content.length > 0) await file.write(content, 0)
  await file.setMode(mode)
  if (mtimeUs !== undefined) await file.setTimes(mtimeUs)
  await file.sync()
  await parent.sync()
}

async function read(parent: Directory, name: string): Promise<Uint8Array> {
  const file = await parent.openFile(name, 'read')
  const bytes = new Uint8Array((await file.stat()).size)
  await file.read(bytes, 0)
  return bytes
}

async function mtimeOf(root: Directory, path: Path): Promise<number> {
  const stat = await (await enter(root, path.slice(0, -1))).stat(path.at(-1)!)
  return Number((stat?.mtimeNs ?? 0n) / 1000n)
}

async function modeOf(root: Directory, path: Path): Promise<number> {
  return (await (await enter(root, path.slice(0, -1))).stat(path.at(-1)!))?.mode ?? 0
}

/** All files below a directory, but for carryon's own. */
async function listed(directory: Directory, path: Path): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>()
  for (const name of await directory.list()) {
    if (path.length === 0 && name === '.carryon') continue
    const stat = await directory.stat(name)
    const below = [...path, name]
    if (stat?.kind === 'file') found.set(below.join('/'), await read(directory, name))
    if (stat?.kind === 'directory')
      for (const [key, content] of await listed(await directory.openDirectory(name), below)) found.set(key, content)
  }
  return found
}
