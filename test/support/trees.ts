// Trees of real files: made from a description, and read back as plain values that compare byte for byte.

import { createCipheriv, createHash } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  lutimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  ftruncateSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

export const MiB = 1024 * 1024

/** Bytes that do not repeat and compress badly; the same for the same seed. */
export function noise(length: number, seed: number = 1): Buffer {
  const key = Buffer.alloc(16)
  key.writeUInt32LE(seed)
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length))
}

export type Node =
  | { readonly kind: 'file'; readonly content: Buffer | string; readonly mode?: number; readonly mtime?: number }
  | {
      readonly kind: 'sparse'
      readonly size: number
      readonly at: readonly (readonly [offset: number, bytes: Buffer])[]
    }
  | { readonly kind: 'folder'; readonly mode?: number; readonly mtime?: number }
  | { readonly kind: 'link'; readonly to: string; readonly mtime?: number }

/** A description of a tree: paths (latin1 letters stand for bytes when `bytes` is set) and what lies there. */
export type Tree = Readonly<Record<string, Node | Buffer | string>>

export const folder = (mode?: number, mtime?: number): Node => ({
  kind: 'folder',
  ...(mode === undefined ? {} : { mode }),
  ...(mtime === undefined ? {} : { mtime }),
})
export const link = (to: string): Node => ({ kind: 'link', to })
export const file = (content: Buffer | string, mode?: number, mtime?: number): Node => ({
  kind: 'file',
  content,
  ...(mode === undefined ? {} : { mode }),
  ...(mtime === undefined ? {} : { mtime }),
})

/** Makes a tree; parents are made as needed. Modes and times of folders are set last. */
export function plant(root: string, tree: Tree): void {
  mkdirSync(root, { recursive: true })
  const later: (() => void)[] = []
  for (const [name, described] of Object.entries(tree)) {
    const node: Node = typeof described === 'string' || Buffer.isBuffer(described) ? file(described) : described
    plantNode(`${root}/${name}`, node, later)
  }
  for (const act of later.toReversed()) act()
}

function plantNode(path: string, node: Node, later: (() => void)[]): void {
  mkdirSync(dirname(path), { recursive: true })
  switch (node.kind) {
    case 'folder':
      mkdirSync(path, { recursive: true })
      later.push(() => node.mtime !== undefined && utimesSync(path, node.mtime, node.mtime))
      later.push(() => node.mode !== undefined && chmodSync(path, node.mode))
      return
    case 'link':
      symlinkSync(node.to, path)
      if (node.mtime !== undefined) lutimesSync(path, node.mtime, node.mtime)
      return
    case 'sparse': {
      const fd = openSync(path, 'w')
      ftruncateSync(fd, node.size)
      for (const [offset, bytes] of node.at) writeSync(fd, bytes, 0, bytes.length, offset)
      return closeSync(fd)
    }
    case 'file':
      writeFileSync(path, node.content)
      if (node.mode !== undefined) chmodSync(path, node.mode)
      if (node.mtime !== undefined) utimesSync(path, node.mtime, node.mtime)
  }
}

/** What lies under a folder: by path, in latin1 so that every byte of a name counts, one line of text for each entry. */
export type Listing = Readonly<Record<string, string>>

export interface ListingOptions {
  /** Leave times out. */
  readonly withoutTimes?: boolean
}

/** Kind, mode, modification time in µs, and content of all that lies under a folder, itself not included. */
export function listing(root: string, options: ListingOptions = {}): Listing {
  const found: Record<string, string> = {}
  const visit = (path: Buffer, name: string): void => {
    found[name] = describe(path, options)
    if (lstatSync(path).isDirectory()) visitAll(path, `${name}/`)
  }
  const visitAll = (path: Buffer, prefix: string): void => {
    const names = readdirSync(path, { encoding: 'buffer' }).toSorted((a, b) => Buffer.compare(a, b))
    for (const name of names) visit(Buffer.concat([path, Buffer.from('/'), name]), prefix + name.toString('latin1'))
  }
  visitAll(Buffer.from(root), '')
  return found
}

function describe(path: Buffer, { withoutTimes = false }: ListingOptions): string {
  const stat = lstatSync(path, { bigint: true })
  const time = withoutTimes ? '' : ` ${stat.mtimeNs / 1000n} µs`
  if (stat.isSymbolicLink()) return `link to ${readlinkSync(path, { encoding: 'buffer' }).toString('latin1')}`
  const mode = (stat.mode & 0o777n).toString(8)
  if (stat.isDirectory()) return `folder ${mode}${time}`
  if (!stat.isFile()) return 'special'
  return `file ${mode}${time} ${stat.size} bytes ${createHash('sha1').update(readFileSync(path)).digest('hex')}`
}
