// What a person sees: a bar in a terminal that is never wider than it, whose percentage only grows and starts where the last
// run ended; and plain lines everywhere else.

import { describe, expect, it } from 'vitest'
import { bothSucceed, leisurely, Scene } from '../support/scene.ts'
import { canOpen, Terminal, widthOf } from '../support/terminal.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'

const size = 24 * MiB + 11
const longName = `${'a rather long name '.repeat(6)}漢字.img`
const percentOf = (bar: string): number => Number(/(\d+)%/.exec(bar)![1])
const cursor = '\u001b[?25'

function environment(scene: Scene, side: 'sender' | 'receiver') {
  return { cwd: scene.path, env: { XDG_STATE_HOME: `${scene.stateOf(side)}/..`, HOME: scene.path } }
}

function expectMonotone(percents: readonly number[]): void {
  expect(percents).toEqual(percents.toSorted((a, b) => a - b))
}

describe.skipIf(!canOpen)('in a terminal', () => {
  it.each([80, 40])('of %d columns the bar fits, only grows, and goes on where it was', async (columns) => {
    const scene = new Scene()
    plant(scene.source, { [longName]: noise(size) })
    const receiver = scene.receive()
    const ticket = await receiver.ticket()
    const args = ['send', `source/${longName}`, '--to', ticket]
    const options = { columns, ...environment(scene, 'sender') }
    const first = await Terminal.open([...args, '--bwlimit', '4MiB'], options) // Drawn late, it still is not over.
    await first.until('half of it', ({ bars }) => bars.some((bar) => percentOf(bar) >= 40))
    first.kill('SIGKILL')
    await first.ended

    const again = await Terminal.open([...args, '--bwlimit', '24MiB'], options)
    expect((await again.ended).exitCode).toBe(0)
    expect(await receiver.code()).toBe(0)

    const [before, after] = [first, again].map(({ bars }) => bars.map(percentOf)) as [number[], number[]]
    expectMonotone(before)
    expectMonotone(after)
    expect(after[0]).toBeGreaterThanOrEqual(before.at(-1)!)
    for (const bar of [...first.bars, ...again.bars]) expect(widthOf(bar), bar).toBeLessThan(columns)
    expect(again.lines.join(' ')).toMatch(/Resuming at \d+%/)
    expect(again.lines.join('')).toMatch(/✓.*24(\.0)? MiB/)
    expect(again.written.lastIndexOf(`${cursor}h`)).toBeGreaterThan(again.written.lastIndexOf(`${cursor}l`))
  })

  it('the receiver sees the ticket with the command for the other side, and then a bar of its own', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const options = { columns: 400, ...environment(scene, 'receiver') }
    const receiver = await Terminal.open(['receive', 'target', '--listen', '127.0.0.1:0'], options)
    const command = /carryon send PATH --to (carryon1:\S+)/
    await receiver.until('the command', ({ lines }) => lines.some((line) => command.test(line)))
    const [, ticket] = command.exec(receiver.lines.join('\n'))!
    const sender = scene.send('disk.img', '--to', ticket!, ...leisurely)
    await receiver.until('some bars', ({ bars }) => bars.length > 3)
    sender.hurry()
    expect(await sender.code()).toBe(0)
    expect((await receiver.ended).exitCode).toBe(0)
    expectMonotone(receiver.bars.map(percentOf))
  })

  it('Ctrl-C shows where it stands and the command that goes on', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const receiver = scene.receive()
    const args = ['send', 'source/disk.img', '--to', await receiver.ticket(), '--bwlimit', '4MiB']
    const sender = await Terminal.open(args, { columns: 80, ...environment(scene, 'sender') })
    await sender.until('some of it', ({ bars }) => bars.some((bar) => percentOf(bar) >= 30))
    sender.type('\u0003')
    expect((await sender.ended).signal).toBe(2)
    expect(sender.lines.join('\n')).toMatch(/Paused at \d+%: .* is safe on the other side\./)
    expect(sender.lines.join('\n')).toMatch(/To go on: {2}carryon /)
    expect(sender.written.lastIndexOf(`${cursor}h`)).toBeGreaterThan(sender.written.lastIndexOf(`${cursor}l`))
    await receiver.untilSaid(/other side/)
  })

  it('the same command attaches to the one that runs; Ctrl-C there leaves that one alone', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const receiver = scene.receive()
    const sender = scene.send('disk.img', '--to', await receiver.ticket(), ...leisurely)
    await sender.until('progress', ({ bytesDurable }) => bytesDurable > 0)
    const watcher = await Terminal.open(['resume'], { columns: 80, ...environment(scene, 'sender') })
    await watcher.until('a bar', ({ bars }) => bars.length > 2)
    watcher.type('\u0003')
    await watcher.ended
    expect(watcher.lines.join('\n')).toContain('The transfer goes on in the other process.')
    sender.hurry()
    await bothSucceed(sender, receiver)
    expect(listing(scene.target)).toEqual(listing(scene.source))
  })

  it('discard asks first, and does nothing on no', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const receiver = scene.receive()
    const sender = scene.send('disk.img', '--to', await receiver.ticket(), ...leisurely)
    const { session } = await sender.until('progress', ({ bytesDurable }) => bytesDurable > 0)
    const options = { columns: 80, ...environment(scene, 'sender') }
    const asked = /Discard session .*\?/s
    const refused = await Terminal.open(['discard', session!], options)
    await refused.until('the question', ({ lines }) => asked.test(lines.join('\n')))
    refused.type('n\r')
    await refused.ended
    expect(refused.lines.join('\n')).toContain('Nothing was discarded.')
    expect(sender.isRunning).toBe(true)
    const agreed = await Terminal.open(['discard', session!], options)
    await agreed.until('the question', ({ lines }) => asked.test(lines.join('\n')))
    agreed.type('y\r')
    expect((await agreed.ended).exitCode).toBe(0)
    expect([await sender.code(), await receiver.code()]).toEqual([7, 7])
  })
})

describe('without a terminal', () => {
  it('C21: nothing but plain lines is said: no carriage return, no escape sequence', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size), '\u001b[31mred\r': 'a' })
    const receiver = scene.as('receiver', ['receive', 'target', '--listen', '127.0.0.1:0', '-v'], { people: true })
    const [, ticket] = /^(carryon1:\S+)$/m.exec((await receiver.untilSaid(/standard output/), receiver.stdout))!
    const sender = scene.as('sender', ['send', 'source', '--to', ticket!, '-v', '--color', 'auto'], { people: true })
    await bothSucceed(sender, receiver)
    for (const side of [sender, receiver]) {
      // eslint-disable-next-line no-control-regex
      expect(side.stderr).not.toMatch(/[\r\u001b]/)
      expect(side.stderr).toMatch(/^✓ /m)
    }
    expect(receiver.stdout).toBe(`${ticket}\n`)
    expect(sender.stdout).toBe('')
  })

  it('C20: --quiet says the summary and nothing else', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(MiB) })
    const receiver = scene.receive()
    const sender = scene.as('sender', ['send', 'source/disk.img', '--to', await receiver.ticket(), '-q'], {
      people: true,
    })
    await bothSucceed(sender, receiver)
    expect(sender.stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(sender.stderr).toMatch(/^✓ /)
  })
})
