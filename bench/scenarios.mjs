// What is sent: made once per run of the bench, random so that nothing can be compressed, and warm because just written.

import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, lstatSync, mkdirSync, openSync, readdirSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MiB = 1024 * 1024
const smallBytes = 4096
const filesPerFolder = 200
const installed = fileURLToPath(new URL('../node_modules', import.meta.url))

/**
 * @typedef {object} Scenario
 * @property {string} name
 * @property {string} says one line for the reader
 * @property {string} source path of what is sent
 * @property {number} bytes
 * @property {number} files
 * @property {boolean} [isUnchanged] all of it is there already
 * @property {string} [markSays] what the mark of a run means, as the head of a column (measure.mjs)
 * @property {(options: import('./carryon.mjs').Options, rivals: import('./rounds.mjs').Contestant[]) => import('./rounds.mjs').Contestant[]} [contestants]
 *   instead of the usual ones
 * @property {Record<string, string>} [bases] contestants that all others are compared with, by their heads
 * @property {readonly [string, string]} [control] two contestants that are the same
 * @property {(target: string) => void} prepareTarget makes the folder it lands in, before the stopwatch
 * @property {(target: string) => void} verify throws unless all has arrived, byte for byte
 * @property {() => void} remove
 */

/** @returns {Scenario} one random file */
export function large(folder, bytes) {
  const source = join(folder, 'large.bin')
  mkdirSync(folder, { recursive: true })
  const file = openSync(source, 'w')
  writeRandom(file, bytes)
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
  for (let i = 0; i < files; i++) plant(source, i, smallBytes)
  return tree(source, { name: 'small', says: 'files of 4 KiB' })
}

/** @returns {Scenario} the same folder once more, when all of it is there already */
export function unchanged(folder, files) {
  const scenario = small(folder, files)
  return {
    ...scenario,
    name: 'unchanged',
    says: `${scenario.says}, all there already`,
    isUnchanged: true,
    prepareTarget(target) {
      renew(target)
      execFileSync('cp', ['-a', scenario.source, target]) // Keeps times to the nanosecond, which fs.cp does not.
    },
  }
}

/** @returns {Scenario} a few large files, more of a middle size, and many small ones */
export function mix(folder) {
  const source = join(folder, 'mix')
  const sizes = [
    256 * MiB,
    128 * MiB,
    ...Array(16).fill(8 * MiB),
    ...Array(200).fill(MiB / 4),
    ...Array(1_600).fill(8192),
  ]
  sizes.forEach((bytes, i) => plant(source, i, bytes))
  return tree(source, { name: 'mix', says: 'files of 8 KiB to 256 MiB' })
}

/** @returns {Scenario} packages as npm has unpacked them: those of this checkout */
export function nodeModules(folder) {
  const source = join(folder, 'node_modules')
  mkdirSync(folder, { recursive: true })
  execFileSync('cp', ['-a', installed, source])
  return tree(source, { name: 'node_modules', says: 'the installed packages of carryon' })
}

function plant(source, index, bytes) {
  const parent = join(source, `folder-${Math.floor(index / filesPerFolder)}`)
  if (index % filesPerFolder === 0) mkdirSync(parent, { recursive: true })
  const file = openSync(join(parent, `file-${index}`), 'w')
  writeRandom(file, bytes)
  closeSync(file)
}

function writeRandom(file, bytes) {
  for (let left = bytes; left > 0; left -= 8 * MiB) writeSync(file, randomBytes(Math.min(left, 8 * MiB)))
}

function tree(source, { name, says }) {
  const { files, bytes } = sizeOf(source)
  return {
    name,
    says: `${says}: ${Math.round(bytes / MiB)} MiB in ${files} files`,
    source,
    bytes,
    files,
    prepareTarget: renew,
    verify: (target) => compareTrees(source, join(target, basename(source))),
    remove: () => rmSync(source, { recursive: true }),
  }
}

function sizeOf(folder) {
  const sizes = readdirSync(folder, { withFileTypes: true }).map((item) => {
    const path = join(folder, item.name)
    return item.isDirectory() ? sizeOf(path) : { files: 1, bytes: lstatSync(path).size }
  })
  const total = (what) => sizes.reduce((sum, size) => sum + size[what], 0)
  return { files: total('files'), bytes: total('bytes') }
}

export function renew(target) {
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
