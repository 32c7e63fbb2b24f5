// Trees on the real disk for the tests of `source`, and disks with the faults that a test user can't bring about.

import { execFileSync } from 'node:child_process'
import { createServer } from 'node:net'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TransferError } from '../../../src/errors.ts'
import type { Directory, Disk } from '../../../src/model/disk.ts'
import type { Entry } from '../../../src/model/manifest.ts'
import { encodeName, pathText } from '../../../src/model/names.ts'
import type { SourceRoot } from '../../../src/model/records.ts'
import { openRoots } from '../../../src/source/roots.ts'
import { walk, type WalkOptions } from '../../../src/source/walk.ts'
import type { WalkedPage } from '../../../src/source/pages.ts'
import { nodeDisk } from '../../../src/store/node-disk.ts'
import { OneByOne } from '../../../src/store/one-by-one.ts'

/** What a tree holds by name: a file's content, a link, or a directory. */
export type Node = string | Link | Tree
export interface Tree {
  readonly [name: string]: Node
}

class Link {
  readonly target: string
  constructor(target: string) {
    this.target = target
  }
}

export const link = (target: string): Link => new Link(target)

/** A directory of its own for one test; removed with it. */
export class Playground implements Disposable {
  readonly path: string = realpathSync(mkdtempSync(join(tmpdir(), 'carryon-source-')))

  constructor(tree: Tree = {}) {
    this.write(tree)
  }

  at(...names: string[]): string {
    return join(this.path, ...names)
  }

  write(tree: Tree, below: string = this.path): void {
    for (const [name, node] of Object.entries(tree)) {
      const path = onDisk(`${below}/${name}`)
      if (node instanceof Link) symlinkSync(onDisk(node.target), path)
      else if (typeof node === 'string') writeFileSync(path, node)
      else {
        mkdirSync(path, { recursive: true })
        this.write(node, `${below}/${name}`)
      }
    }
  }

  fifo(...names: string[]): void {
    execFileSync('mkfifo', [this.at(...names)])
  }

  /** A socket file that nobody listens on any more would be removed; this one lives as long as what is returned. */
  async socket(...names: string[]): Promise<AsyncDisposable> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(this.at(...names), resolve))
    return { [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) }
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

const onDisk = (path: string): Buffer => Buffer.from(encodeName(path))

export const defaults: WalkOptions = { exclude: [], links: 'keep' }

/** All pages of a walk. */
export async function pagesOf(
  sources: readonly SourceRoot[],
  options: Partial<WalkOptions> = {},
  disk: Disk = nodeDisk,
): Promise<WalkedPage[]> {
  await using roots = await openRoots(disk, sources)
  const pages: WalkedPage[] = []
  for await (const page of walk(roots, { ...defaults, ...options })) pages.push(page)
  return pages
}

/** All entries of a walk. */
export async function entriesOf(
  sources: readonly SourceRoot[],
  options: Partial<WalkOptions> = {},
  disk: Disk = nodeDisk,
): Promise<Entry[]> {
  return (await pagesOf(sources, options, disk)).flatMap((page) => page.entries)
}

/** Entries in one line each: `photos/`, `photos/a.jpg`, `photos/b -> a.jpg`, `photos/c (special)`. */
export function told(entries: readonly Entry[]): string[] {
  return entries.map((entry) => {
    const path = pathText(entry.path)
    if (entry.kind === 'directory') return `${path}/`
    if (entry.kind === 'link') return `${path} -> ${entry.target}`
    return entry.kind === 'omitted' ? `${path} (${entry.reason})` : path
  })
}

/** A disk on which the names in `names` may not be opened or, with a `?` behind them, not even looked at. */
export function forbidding(names: readonly string[], disk: Disk = nodeDisk): Disk {
  const refuse = (name: string, key: string): void => {
    if (names.includes(key)) throw new TransferError('permission-denied', { path: name, operation: 'open' })
  }
  const guard = (directory: Directory): Directory =>
    change(directory, {
      openDirectory: async (name) => {
        refuse(name, name)
        return guard(await directory.openDirectory(name))
      },
      openFile: async (name, mode) => {
        refuse(name, name)
        return directory.openFile(name, mode)
      },
      stat: async (name) => {
        refuse(name, `${name}?`)
        return directory.stat(name)
      },
    })
  return { openRoot: async (path) => guard(await disk.openRoot(path)) }
}

/** A disk whose paths lead where `routes` says when they are opened, to a file system with that number; null: nowhere. */
export function rerouted(routes: Map<string, { path: string; device: bigint } | null>): Disk {
  const openRoot = async (path: string): Promise<Directory> => {
    const route = routes.get(path)
    if (route === null) throw new TransferError('not-found', { path })
    if (route === undefined) return nodeDisk.openRoot(path)
    const directory = await nodeDisk.openRoot(route.path)
    return change(directory, { statSelf: async () => ({ ...(await directory.statSelf()), device: route.device }) })
  }
  return { openRoot }
}

/** Counts how many directories are open at once. */
export function counting(disk: Disk = nodeDisk): { disk: Disk; open: number; most: number } {
  const counts = { disk, open: 0, most: 0 }
  const count = (directory: Directory): Directory => {
    counts.most = Math.max(counts.most, ++counts.open)
    return change(directory, {
      openDirectory: async (name) => count(await directory.openDirectory(name)),
      close: async () => {
        counts.open--
        await directory.close()
      },
    })
  }
  counts.disk = { openRoot: async (path) => count(await disk.openRoot(path)) }
  return counts
}

/** A directory that acts as `directory` but for some calls. */
export function change(directory: Directory, changes: Partial<Directory>): Directory {
  return new Proxy(directory, {
    get(target, key, changed) {
      const forMany: unknown = String(key).endsWith('Each') && Reflect.get(OneByOne.prototype, key)
      if (typeof forMany === 'function') return forMany.bind(changed) // By way of the single calls, changed ones too.
      const value = Reflect.get(changes, key) ?? Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
