// File systems that can lose their power: ext4 in a loop file, mounted in this process's own mount namespace.

import { execFileSync, spawn, type ChildProcessByStdio } from 'node:child_process'
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

const imageBytes = 64 * 1024 * 1024

/** 1: the file system's own log is still written out; 2: it is lost as well. */
export type CutFlag = 1 | 2

/** Cuts the power of any volume within a fraction of a millisecond: its process is there already. */
export class Cutter {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #answers: AsyncIterator<string>

  constructor(program: string) {
    this.#child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  async cut(volume: Volume, flag: CutFlag): Promise<void> {
    this.#child.stdin.write(`${flag} ${volume.path}\n`)
    if ((await this.#answers.next()).done === true) throw new Error(`could not cut the power of ${volume.path}`)
  }

  close(): void {
    this.#child.stdin.end()
  }
}

export class Volume {
  /** Where it is mounted. */
  readonly path: string
  readonly #image: string

  constructor(folder: string, name: string) {
    this.path = `${folder}/${name}`
    this.#image = `${folder}/${name}.img`
    mkdirSync(this.path)
    writeFileSync(this.#image, '')
    truncateSync(this.#image, imageBytes)
    execFileSync('mkfs.ext4', ['-q', '-F', this.#image])
    this.#mount()
  }

  /** All that is there now is on the disk. */
  settle(): void {
    execFileSync('sync', ['-f', this.path])
  }

  /** Comes back after a cut, with what is on the disk. Nobody may have a file of it open. */
  restart(): void {
    this.unmount()
    this.#mount()
  }

  unmount(): void {
    execFileSync('umount', [this.path])
  }

  #mount(): void {
    execFileSync('mount', ['-o', 'loop', this.#image, this.path])
  }
}
