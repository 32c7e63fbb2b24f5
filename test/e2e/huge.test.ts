// Resuming costs what is left, not what is there (R15): a session of 1 TiB, all but its last 64 MiB acknowledged. Counts are
// asserted: bytes read from disks, bytes that cross, resident memory. Times are printed, for docs/promises.md.

import { closeSync, existsSync, openSync, readFileSync, readSync, rmSync, statSync, truncateSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Command } from '../support/command.ts'
import { haveAllButTheTail } from '../support/huge-session.ts'
import { bothSucceed, Scene } from '../support/scene.ts'
import { MiB, noise, plant } from '../support/trees.ts'

const GiB = 1024 * MiB
const tailBytes = 64 * MiB
const residentMaxBytes = 150 * MiB
const patienceMs = 180_000

describe.runIf(existsSync('/proc/self/io') && canBeThatLarge())('R15: resuming a session', () => {
  it.each([
    ['1 GiB', GiB],
    ['1 TiB', 1024 * GiB],
  ])('of %s reads and sends what is left, and no more', { timeout: patienceMs }, async (name, size) => {
    const scene = new Scene()
    const tail = noise(tailBytes)
    plant(scene.source, { 'disk.img': { kind: 'sparse', size, at: [[size - tailBytes, tail]] } })
    await haveAllButTheTail(scene, size, tailBytes)

    const receiver = scene.receive()
    await receiver.until('listening')
    const read = (): number => readBy(receiver) + readBy(sender)
    const startedAt = performance.now()
    const sender = scene.as('sender', ['resume', '--bwlimit', '8MiB']) // What is read behind the first byte is not meant.
    await sender.until('progress', ({ bytesSent }) => bytesSent > size - tailBytes)
    const [firstMs, readUntilFirst] = [Math.round(performance.now() - startedAt), read()]
    sender.hurry()
    const [sent, received] = await Promise.all([residentOf(sender), residentOf(receiver)])
    await bothSucceed(sender, receiver)

    const mib = (bytes: number): string => `${Math.round(bytes / MiB)} MiB`
    console.log(`${name}: first new byte after ${firstMs} ms, ${mib(readUntilFirst)} read by then`)
    console.log(`${name}: resident memory ${mib(sent)} to send, ${mib(received)} to receive`)
    expect(readUntilFirst).toBeLessThanOrEqual(2 * tailBytes)
    expect(sent).toBeLessThanOrEqual(residentMaxBytes)
    expect(received).toBeLessThanOrEqual(residentMaxBytes)
    expect(sender.last('summary')).toMatchObject({ bytes: size, bytesSentThisRun: tailBytes, bytesResent: 0 })
    expectTail(`${scene.target}/disk.img`, size, tail)
    scene.expectClean()
  })
})

/** What a process has read so far, from files and sockets. */
function readBy({ pid }: Command): number {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))![1])
}

/** The most memory a command ever had, looked at until it nearly ends. */
async function residentOf(command: Command): Promise<number> {
  let most = 0
  while (command.isRunning) {
    await Promise.race([command.ended, command.untilNext('progress').catch(() => undefined)])
    most = Math.max(most, highWaterOf(command.pid))
  }
  return most
}

function highWaterOf(pid: number): number {
  try {
    return Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0 // It is gone.
  }
}

function expectTail(path: string, size: number, tail: Buffer): void {
  expect(statSync(path).size).toBe(size)
  const bytes = Buffer.alloc(tail.length)
  const file = openSync(path, 'r')
  readSync(file, bytes, 0, bytes.length, size - tail.length)
  closeSync(file)
  expect(bytes.equals(tail)).toBe(true)
}

/** Whether the file system of temporary files takes a file of 1 TiB. */
function canBeThatLarge(): boolean {
  const scratch = `/tmp/carryon-huge-${process.pid}`
  try {
    closeSync(openSync(scratch, 'w'))
    truncateSync(scratch, 1024 * GiB)
    return true
  } catch {
    console.warn('Skipped: R15 with 1 TiB (no file of that size can be made here).')
    return false
  } finally {
    if (existsSync(scratch)) rmSync(scratch)
  }
}
