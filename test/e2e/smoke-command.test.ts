// The built command as a shell and a script see it: streams, exit codes, signals. Nothing is sent; the transfers are in the
// other files of this folder.

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { describe, expect, it, onTestFinished } from 'vitest'
import { commandPath as carryon } from '../support/command.ts'
import { filesBelow, importsOf, parse } from '../support/source-code.ts'

describe('the command', () => {
  it('says its version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string
    }
    expect(await run('--version')).toEqual({ code: 0, signal: null, stdout: `${version}\n`, stderr: '' })
  })

  it('carries its packages along: of files it reads its own alone', () => {
    const files = filesBelow('dist/command').filter((file) => file.endsWith('.js'))
    const names = files.flatMap((file) => importsOf(parse(file)))
    expect(names).toContain('dist/command/run.js')
    expect(names.filter((name) => !isBuiltin(name) && name !== 'node:' && !name.startsWith('dist/command/'))).toEqual(
      [],
    )
  })

  it.each([
    [['--help'], 'Usage: carryon COMMAND'],
    [['send', '--help'], 'Usage: carryon send PATH...'],
    [['help'], 'Usage: carryon COMMAND'],
    [['help', 'receive'], 'Usage: carryon receive [DIR]'],
    [['help', 'exit-codes'], '12     integrity '],
    [['help', 'environment'], 'CARRYON_RETRY_FOR'],
    [['help', 'json'], 'summary       files, bytes,'],
    [['help', 'states'], 'interrupted  '],
    [['help', 'filters'], '*.tmp'],
    [['help', 'syntax'], '64KiB'],
  ])('%j explains on stdout, with code 0', async (args, text) => {
    const { code, stdout, stderr } = await run(...args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(text)
  })

  it.each([
    [[], 'What should carryon do?'],
    [['sned'], 'Did you mean send?'],
    [['send', 'a', '--bwlimt', '1'], 'Did you mean --bwlimit?'],
    [['send', 'a', '--lanes', '17'], '"17" is not a number of lanes'],
    [['schedule', '.'], 'The command schedule is not built yet.'],
    [['help', 'exit-code'], 'Did you mean exit-codes?'],
    [['receive', '--from', 'env:NOT_SET_ANYWHERE'], 'the variable is not set'],
    [['discard'], 'Which session?'],
  ])('%j is code 2, told on stderr alone', async (args, text) => {
    const { code, stdout, stderr } = await run(...args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(text)
    // eslint-disable-next-line no-control-regex
    expect(stderr).not.toMatch(/[\r\u001b]/)
  })

  it('ends its NDJSON with exit, for usage errors too', async () => {
    const { code, stdout } = await run('send', 'a', '--json', '--oops')
    expect(code).toBe(2)
    expect(JSON.parse(stdout)).toMatchObject({ v: 1, type: 'exit', code: 2, name: 'usage', error: { code: 'usage' } })
  })

  it('does not mind a reader that goes away', async () => {
    const child = start(['help', 'environment'])
    child.stdout.destroy()
    expect(await ended(child)).toEqual({ code: 0, signal: null })
  })
})

describe.runIf(process.platform === 'linux')('a running command', () => {
  it('hides its arguments from ps', async () => {
    const child = await waiting('--as', 'hidden-word')
    expect(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').replaceAll('\0', '')).toBe('carryon')
    child.stdin.end('no ticket')
    expect(await ended(child)).toEqual({ code: 4, signal: null })
  })

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'without a session dies of %s at once, by that signal',
    async (signal) => {
      const child = await waiting()
      child.kill(signal)
      expect(await ended(child)).toEqual({ code: null, signal })
    },
  )

  it('does not open a debugger on USR1, nor die of USR2', async () => {
    const child = await waiting()
    const stderr = text(child.stderr)
    child.kill('SIGUSR1')
    child.kill('SIGUSR2')
    child.stdin.end('no ticket')
    expect(await ended(child)).toEqual({ code: 4, signal: null })
    expect(await stderr).toMatch(/^This is not a whole ticket/)
  })
})

type Child = ReturnType<typeof start>

function start(args: readonly string[]) {
  const { PATH, HOME } = process.env
  const child = spawn(process.execPath, [carryon, ...args], { env: { PATH, HOME, LANG: 'C.UTF-8' }, stdio: 'pipe' })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

/** A command that waits for a ticket on its stdin and listens to signals. */
async function waiting(...args: readonly string[]): Promise<Child> {
  const child = start(['receive', '--from', '-', ...args])
  while (!catches(child, 12)) await new Promise((resolve) => setImmediate(resolve))
  return child
}

/** Whether a process has a handler of its own for a signal, by number: USR2, the last one installed, is 12. */
function catches(child: Child, signal: number): boolean {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  const mask = BigInt(`0x${/^SigCgt:\s*([0-9a-f]+)$/m.exec(status)![1]}`)
  return ((mask >> BigInt(signal - 1)) & 1n) === 1n
}

async function run(...args: readonly string[]) {
  const child = start(args)
  child.stdin.end()
  const [stdout, stderr, end] = await Promise.all([text(child.stdout), text(child.stderr), ended(child)])
  return { ...end, stdout, stderr }
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let all = ''
  for await (const piece of stream.setEncoding('utf8')) all += String(piece)
  return all
}

function ended(child: Child): Promise<{ readonly code: number | null; readonly signal: string | null }> {
  return new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })))
}
