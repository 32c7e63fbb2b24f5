// The main job, for a person to watch: real files go from one process to another, the receiving one is killed in the
// middle with `kill -9`, the same command is run again, and what arrived is compared byte for byte. Plain Node; run it
// through `npm run demo`. Ends with code 1 if anything is not as it should be.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const carryon = fileURLToPath(new URL('../bin/carryon.js', import.meta.url))
const MiB = 1024 * 1024
const bigBytes = 150 * MiB
const holeBytes = 64 * MiB
const smallFiles = 200
const killAtShare = 0.4 // Of all bytes, as acknowledged to the sender.
const windowBytes = 64 * MiB // What may at most be sent again after a kill: less than `send` takes by itself, and than is sent here.
const pace = '96MiB' // Slow enough to be in the middle of something when the kill comes, on any machine.
const patienceMs = 60_000

const place = mkdtempSync(join(tmpdir(), 'carryon-demo-'))
const source = join(place, 'photos')
const target = join(place, 'arrived')
const running = new Set()
const giveUp = setTimeout(() => fail(new Error(`not done after ${patienceMs / 1000} s`)), patienceMs)
process.once('SIGINT', () => fail(new Error('interrupted')))

try {
  await demonstrate()
} catch (error) {
  fail(error)
} finally {
  clearTimeout(giveUp)
  cleanUp()
}

async function demonstrate() {
  const total = makeFiles()
  say(`Made ${size(total)} to send: one file of ${size(bigBytes)}, ${smallFiles} small ones, one with a hole.`)

  const receiver = start('receiver', ['receive', target, '--listen', '127.0.0.1:0'])
  const { ticket } = await receiver.next(({ type, ticket }) => type === 'listening' && ticket !== null)
  const sender = start('sender', ['send', source, '--to', ticket, '--bwlimit', pace, '--window', String(windowBytes)])
  say('A receiver and a sender are running, two processes with TLS between them on loopback.')

  const safe = await sender.next(
    ({ type, bytesDurable }) => type === 'checkpoint' && bytesDurable >= killAtShare * total,
  )
  receiver.child.kill('SIGKILL')
  const { signal } = await receiver.end
  check(signal === 'SIGKILL', 'the receiver was killed before it was done')
  say(`kill -9 of the receiver at ${percent(safe.bytesDurable, total)}: ${size(safe.bytesDurable)} were acknowledged.`)
  check(!readdirSync(target).includes('photos.bin'), 'nothing unfinished lies under a final name')

  say('The same receive command again; the sender is still there and dials by itself ...')
  const again = start('receiver', ['receive', target, '--listen', '127.0.0.1:0'])
  const resumed = await again.next(({ type, state }) => type === 'session' && state === 'transferring')
  say(`Resumed at ${percent(resumed.bytesDurable, total)} (${size(resumed.bytesDurable)} already there).`)
  check(resumed.resumed, 'the second run found the session of the first')
  check(resumed.bytesDurable >= safe.bytesDurable, 'all that was acknowledged is still there')

  const ends = await Promise.all([sender.end, again.end])
  check(ends[0].code === 0, `the sender ended with code 0, not ${ends[0].code}: ${sender.words()}`)
  check(ends[1].code === 0, `the receiver ended with code 0, not ${ends[1].code}: ${again.words()}`)
  const summary = await sender.next(({ type }) => type === 'summary')
  const received = await again.next(({ type }) => type === 'summary')
  say(`Done. Sent again because of the kill: ${size(summary.bytesResent)} (never more than ${size(windowBytes)}).`)
  check(summary.bytesResent <= windowBytes, 'no more than the window was sent again')

  const compared = compare(source, join(target, 'photos'))
  check(compared.bytes === total, 'every byte arrived')
  const names = readdirSync(target)
  check(names.length === 1, `nothing was left behind, found ${names.join(', ')}`)
  say(`Compared ${compared.files} files, ${size(compared.bytes)}, byte for byte: equal.`)
  tellReceipts(summary.receipt, received.receipt)
}

function tellReceipts(sent, received) {
  const receipt = JSON.parse(readFileSync(sent, 'utf8'))
  check(receipt.digest === JSON.parse(readFileSync(received, 'utf8')).digest, 'both sides hold the same receipt')
  say(`The receipt, on both sides: ${relative(place, sent)} and ${relative(place, received)}`)
  console.log(JSON.stringify(receipt, null, 2))
}

// ---- files ----------------------------------------------------------------------------------------------------------

/** @returns how many bytes the files have, the hole included */
function makeFiles() {
  mkdirSync(join(source, 'small'), { recursive: true })
  mkdirSync(target)
  const big = openSync(join(source, 'photos.bin'), 'w')
  for (let written = 0; written < bigBytes; written += MiB) writeSync(big, randomBytes(MiB))
  closeSync(big)
  let total = bigBytes + holeBytes
  for (let i = 0; i < smallFiles; i++) {
    const bytes = randomBytes(i * 97)
    writeFileSync(join(source, 'small', `${i}.txt`), bytes)
    total += bytes.length
  }
  const holed = openSync(join(source, 'with a hole.img'), 'w')
  ftruncateSync(holed, holeBytes)
  writeSync(holed, randomBytes(MiB), 0, MiB, holeBytes / 2)
  closeSync(holed)
  return total
}

/** Compares two folders, names and bytes; throws at the first difference. */
function compare(left, right) {
  const sum = { files: 0, bytes: 0 }
  const entries = readdirSync(left, { withFileTypes: true })
  check(readdirSync(right).length === entries.length, `${right} has as many names as ${left}`)
  for (const entry of entries) {
    const [a, b] = [join(left, entry.name), join(right, entry.name)]
    const part = entry.isDirectory() ? compare(a, b) : { files: 1, bytes: compareFiles(a, b) }
    sum.files += part.files
    sum.bytes += part.bytes
  }
  return sum
}

function compareFiles(left, right) {
  const files = [openSync(left, 'r'), openSync(right, 'r')]
  try {
    const { size: length } = fstatSync(files[0])
    check(length === fstatSync(files[1]).size, `${right} is as long as ${left}`)
    const buffers = [Buffer.alloc(MiB), Buffer.alloc(MiB)]
    for (let at = 0; at < length; at += MiB) {
      const [a, b] = files.map((file, i) => buffers[i].subarray(0, readSync(file, buffers[i], 0, MiB, at)))
      check(a.equals(b), `${right} equals ${left} at ${at}`)
    }
    return length
  } finally {
    files.forEach((file) => closeSync(file))
  }
}

// ---- processes ------------------------------------------------------------------------------------------------------

/** Starts the command as `name`, each with a state directory of its own, as on two machines. */
function start(name, args) {
  const env = { ...process.env, XDG_STATE_HOME: join(place, `${name}-state`) }
  const child = spawn(process.execPath, [carryon, ...args, '--json', '--progress', 'none'], { env })
  running.add(child)
  const events = []
  const waiting = new Set()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const event = parse(line)
    if (event === undefined) return
    events.push(event)
    for (const look of waiting) look()
  })
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (text) => (words += text))
  const end = once(child, 'close').then(([code, signal]) => {
    running.delete(child)
    for (const look of waiting) look(true)
    return { code, signal }
  })
  /** The first event, past or to come, that `is` wanted. */
  const next = (is) =>
    new Promise((resolve, reject) => {
      const look = (isOver) => {
        const found = events.find(is)
        if (found === undefined && !isOver) return
        waiting.delete(look)
        if (found === undefined) reject(new Error(`the ${name} ended early: ${words}`))
        else resolve(found)
      }
      waiting.add(look)
      look(child.exitCode !== null || child.signalCode !== null)
    })
  return { child, end, next, words: () => words }
}

/** A killed process may leave half a line. */
function parse(line) {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

// ---- words ----------------------------------------------------------------------------------------------------------

function say(sentence) {
  console.log(sentence)
}

function percent(bytes, total) {
  return `${Math.floor((100 * bytes) / total)}%`
}

function size(bytes) {
  return bytes < MiB ? `${bytes} B` : `${(bytes / MiB).toFixed(1)} MiB`
}

function check(isSo, what) {
  if (!isSo) throw new Error(`this should be so, and is not: ${what}`)
}

function fail(error) {
  console.error(`The demo failed: ${error.message}`)
  process.exitCode = 1
  cleanUp()
}

function cleanUp() {
  for (const child of running) child.kill('SIGKILL')
  rmSync(place, { recursive: true, force: true, maxRetries: 3 })
}
