// What is sent: made once per run of the bench, random so that nothing can be compressed, and warm because just written.

import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readdirSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const MiB = 1024 * 1024
const smallBytes = 4096
const filesPerFolder = 200

/**
 * @typedef {object} Scenario
 * @property {'large' | 'small' | 'unchanged'} name
 * @property {string} says one line for the reader
 * @property {string} source path of what is sent
 * @property {number} bytes
 * @property {number} files
 * @property {(target: string) => void} prepareTarget makes the folder it lands in, before the stopwatch
 * @property {(target: string) => void} verify throws unless all has arrived, byte for byte
 * @property {() => void} remove
 */

/** @returns {Scenario} one random file */
export function large(folder, bytes) {
  const source = join(folder, 'large.bin')
  mkdirSync(folder, { recursive: true })
  const file = openSync(source, 'w')
  for (let left = bytes; left > 0; left -= 8 * MiB) writeSync(file, randomBytes(Math.min(left, 8 * MiB)))
  closeSync(file)
  return {
    name: 'large',
    says: `one random file of ${bytes / MiB} MiB`,
    source,
    bytes,
    files: 1,
    prepareTarget: renew,
    verify: (target) => compareFiles(source, join(target, 'large.bin')),
    remove: () => rmSync(source),
  }
}

/** @returns {Scenario} a folder of many small files */
export function small(folder, files) {
  const source = join(folder, 'tree')
  for (let i = 0; i < files; i++) {
    const parent = join(source, `folder-${Math.floor(i / filesPerFolder)}`)
    if (i % filesPerFolder === 0) mkdirSync(parent, { recursive: true })
    const file = openSync(join(parent, `file-${i}`), 'w')
    writeSync(file, randomBytes(smallBytes))
    closeSync(file)
  }
  return {
    name: 'small',
    says: `${files} files of 4 KiB`,
    source,
    bytes: files * smallBytes,
    files,
    prepareTarget: renew,
    verify: (target) => compareTrees(source, join(target, 'tree')),
    remove: () => rmSync(source, { recursive: true }),
  }
}

/** @returns {Scenario} the same folder once more, when all of it is there already */
export function unchanged(folder, files) {
  const scenario = small(folder, files)
  return {
    ...scenario,
    name: 'unchanged',
    says: `${files} files of 4 KiB, all there already`,
    prepareTarget(target) {
      renew(target)
      execFileSync('cp', ['-a', scenario.source, target]) // Keeps times to the nanosecond, which fs.cp does not.
    },
  }
}

function renew(target) {
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
}

function compareTrees(source, target) {
  const names = readdirSync(source)
  if (names.length !== readdirSync(target).length) throw new Error(`${target} holds other names than ${source}`)
  for (const name of names) {
    const [from, to] = [join(source, name), join(target, name)]
    if (statSync(from).isDirectory()) compareTrees(from, to)
    else compareFiles(from, to)
  }
}

const pieces = [Buffer.alloc(8 * MiB), Buffer.alloc(8 * MiB)]

function compareFiles(source, target) {
  const files = [openSync(source), openSync(target)]
  try {
    for (;;) {
      const [count, other] = files.map((file, i) => readSync(file, pieces[i]))
      if (count !== other || pieces[0].compare(pieces[1], 0, other, 0, count) !== 0)
        throw new Error(`${target} differs from ${source}`)
      if (count === 0) return
    }
  } finally {
    files.forEach((file) => closeSync(file))
  }
}
