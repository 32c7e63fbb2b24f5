// The disk as carryon sees it: directories that are pinned once opened, single names below them, files at explicit offsets.
// Nothing takes a path, so nothing can be led astray by one (R59, R65). `store` has the real one and a memory one; the
// simulator has one that forgets what was not synced. All faults are TransferErrors: `disk-full`, `disk-failed`,
// `too-many-open-files`, `permission-denied`; a missing name is `undefined` where the signature says so, else `not-found`.

import type { Name } from './names.ts'

export type FileKind = 'file' | 'directory' | 'link' | 'other'

/** What lstat says. Nanoseconds and inodes pass 2^53, hence bigint. */
export interface Stat {
  readonly kind: FileKind
  readonly size: number
  /** All permission bits, 0 to 0o7777. */
  readonly mode: number
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  readonly inode: bigint
  /** Numbers the mounted file system; compared within one run only, never stored. */
  readonly device: bigint
  readonly owner: number
  /** Bytes allocated. */
  readonly allocatedBytes: number
  /** How many names a file has; of a directory it says nothing. */
  readonly links: number
}

/** An open file. Calls on one file may overlap as long as their byte ranges don't. */
export interface DiskFile {
  /** Reads into `target`; returns the bytes read, fewer than asked only at the end of the file. */
  read(target: Uint8Array, position: number): Promise<number>
  /** Writes all of `source`. */
  write(source: Uint8Array, position: number): Promise<void>
  truncate(size: number): Promise<void>
  stat(): Promise<Stat>
  setMode(mode: number): Promise<void>
  /** Sets modification and access time; microseconds since 1970. */
  setTimes(mtimeUs: number): Promise<void>
  /** fdatasync: on return data and size are on the disk. After a failure the file must not be synced again (R16). */
  datasync(): Promise<void>
  /** fsync: as above, and metadata. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** `read` and `update` need the file; `create` refuses an existing one (O_EXCL, mode 0600). Links are never followed. */
export type OpenMode = 'read' | 'update' | 'create'

/** A file to be made whole. */
export interface NewFile {
  readonly name: Name
  readonly bytes: Uint8Array
  readonly mode: number
  readonly mtimeUs: number
}

/** A file to be read whole: `target` has the size it is thought to have. */
export interface WholeFile {
  readonly name: Name
  readonly target: Uint8Array
}

/** What `readEach` found: how many bytes of `target` were filled, and the open file behind the read. */
export interface WholeRead {
  readonly bytes: number
  readonly after: Stat
}

/** A directory, opened without following links and pinned: what happens to its name afterwards does not matter. */
export interface Directory {
  /** Where it was when opened, for messages only. */
  readonly label: string
  openFile(name: Name, mode: OpenMode): Promise<DiskFile>
  /** Opens a directory below this one; `not-a-directory` if the name is a link or something else. */
  openDirectory(name: Name): Promise<Directory>
  /** Makes a directory; false if the name exists. */
  makeDirectory(name: Name, mode: number): Promise<boolean>
  /** All names but `.` and `..`, in the order of their bytes. */
  list(): Promise<Name[]>
  /** lstat; undefined if there is no such name. */
  stat(name: Name): Promise<Stat | undefined>
  /** Of the directory itself. */
  statSelf(): Promise<Stat>
  /** A link's text; `not-found` if the name is no link, or not any more. */
  readLink(name: Name): Promise<Name>
  makeLink(name: Name, target: Name): Promise<void>
  /** A second name for a file; false if `toName` exists. Throws `links-unsupported` where the file system has none. */
  link(name: Name, to: Directory, toName: Name): Promise<boolean>
  /** Renames, replacing what is there. */
  rename(name: Name, to: Directory, toName: Name): Promise<void>
  /** Removes a file or link; false if there was none. */
  unlink(name: Name): Promise<boolean>
  /** Removes an empty directory; false if there was none or it is not empty. */
  removeDirectory(name: Name): Promise<boolean>
  /** Sets a link's own times, not its target's. */
  setLinkTimes(name: Name, mtimeUs: number): Promise<void>
  /** Sets this directory's own. */
  setMode(mode: number): Promise<void>
  setTimes(mtimeUs: number): Promise<void>
  /** fsync of the directory: on return its names are on the disk. Resolves to false where the file system can't (R7). */
  sync(): Promise<boolean>
  // Many small files at once: for each in turn all the steps of the single calls, in their order, yet without a promise a
  // step. All but `writeEach` stop before the first that fails or is no plain file: the single call then tells why.
  /** `stat` for each. */
  statEach(names: readonly Name[]): Promise<(Stat | undefined)[]>
  /** For each: `stat`, and of a file `openFile` to read, its bytes, its stat, and `close`. */
  readEach(files: readonly WholeFile[]): Promise<WholeRead[]>
  /**
   * For each: `openFile` to create, its bytes, mode and times, `sync` if they are to be on the disk, but for their names, on
   * return, and `close`. A fault is thrown: then any of them may be there, in any state. @returns their inodes
   */
  writeEach(files: readonly NewFile[], isSynced: boolean): Promise<bigint[]>
  /** `link` for each pair of names, here and there. */
  linkEach(names: readonly (readonly [Name, Name])[], to: Directory): Promise<boolean[]>
  /** `unlink` for each. */
  unlinkEach(names: readonly Name[]): Promise<boolean[]>
  freeBytes(): Promise<number>
  /** Path by which this process alone may bind or reach a unix socket below this directory, whatever the length (M17). */
  socketPath(name: Name): string
  close(): Promise<void>
}

/** The door to the real file system: the only place where a path is taken. */
export interface Disk {
  /** Opens a directory by absolute path, following links in it. */
  openRoot(path: string): Promise<Directory>
}
