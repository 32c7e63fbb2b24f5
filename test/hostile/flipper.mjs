// The local attacker: a process that may do as it likes inside the directory received into, and puts symbolic links to
// another place where directories and files are, and back, as fast as renames go.
//
//   node flipper.mjs INSIDE OUTSIDE NAME...     NAME is a path below both; one that ends in ! is a file's
//
// It runs until it is killed, and says every now and then how often it has swapped. It never changes anything outside
// itself: a name is left alone while its parent is not the directory it should be.

import { lstatSync, renameSync, rmSync, symlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const [inside, outside, ...names] = process.argv.slice(2)
const sayEvery = 1000

const swaps = names.map((text) => {
  const isFile = text.endsWith('!')
  const name = isFile ? text.slice(0, -1) : text
  const here = join(inside, name)
  const parents = name.split('/').map((_, depth, steps) => join(inside, ...steps.slice(0, depth)))
  return {
    here,
    parents,
    twin: join(outside, name),
    link: `${here}.link`,
    away: `${here}.away`,
    swap: isFile ? coverFile : swapDirectory,
  }
})

/** Moves a directory away, a link into its place, and both back. */
function swapDirectory({ here, twin, link, away }) {
  attempt(() => symlinkSync(twin, link))
  if (!attempt(() => renameSync(here, away))) {
    attempt(() => rmSync(away, { recursive: true, force: true }))
    if (!attempt(() => renameSync(here, away))) return
  }
  if (!attempt(() => renameSync(link, here))) {
    attempt(() => rmSync(here, { recursive: true })) // Somebody made a directory meanwhile.
    attempt(() => renameSync(link, here))
  }
  attempt(() => renameSync(here, link))
  attempt(() => rmSync(here, { recursive: true, force: true }))
  attempt(() => renameSync(away, here))
}

/** Puts a link over a file; whoever writes the file anew covers it again. */
function coverFile({ here, twin, link }) {
  attempt(() => symlinkSync(twin, link))
  attempt(() => renameSync(link, here))
}

function attempt(act) {
  try {
    act()
    return true
  } catch {
    return false
  }
}

for (let count = 0; ;) {
  for (const one of swaps) {
    if (!one.parents.every((path) => lstatSync(path, { throwIfNoEntry: false })?.isDirectory())) continue
    one.swap(one)
    if (++count % sayEvery === 0) writeSync(1, `${count}\n`)
  }
}
