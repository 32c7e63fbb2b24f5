// Whole commands against a session written by hand: which number comes out, what signals do, what reaches the library.

import { describe, expect, it } from 'vitest'
import type { CarryonApi, SendOptions } from '../../../src/index.ts'
import { TransferError } from '../../../src/index.ts'
import { exitTable } from '../../../src/cli/exit.ts'
import { run } from '../../../src/cli/run.ts'
import { errorTable, exitNames, InternalError } from '../../../src/errors.ts'
import { ran, total, transfer } from '../../support/ran-command.ts'
import { at, progress, ScriptedSession, summary, type Step } from '../../support/scripted-session.ts'
import { TestShell } from '../../support/test-shell.ts'

describe('exit codes', () => {
  it('each has a row in help and a name', async () => {
    const { shell } = await ran(['help', 'exit-codes'], [])
    for (const code of Object.keys(exitNames)) {
      expect(exitTable[Number(code)], code).toBeDefined()
      expect(shell.stdout.text).toMatch(new RegExp(`^${code} +${exitNames[Number(code)]} `, 'm'))
    }
    expect(Object.keys(exitTable)).toEqual(Object.keys(exitNames))
    for (const [code, row] of Object.entries(errorTable)) expect(exitNames[row.exit], code).toBeDefined()
  })

  it.each([
    ['clean', {}, [], 0],
    ['vanished', { vanished: 1 }, [], 6],
    ['vanished ok', { vanished: 1 }, ['--vanished', 'ok'], 0],
    ['vanished fail', { vanished: 1 }, ['--vanished', 'fail'], 3],
    ['omissions', { vanished: 1, omissions: 1 }, ['--vanished', 'ok'], 3],
    ['conflict', { omissions: 1, conflicts: 1 }, [], 13],
    ['integrity', { integrity: 1, conflicts: 1, omissions: 1, vanished: 1 }, [], 12],
    [
      'interrupted',
      { error: new TransferError('retry-over', { triedForMs: 1, last: 'x' }), resumable: true, receipt: null },
      [],
      5,
    ],
    ['auth', { error: new TransferError('ticket-refused', { peer: 'x' }), receipt: null }, [], 4],
    [
      'busy',
      { error: new TransferError('busy', { session: 'x', directory: 'y' }), receipt: null, resumable: true },
      [],
      11,
    ],
    [
      'disk-full',
      { error: new TransferError('disk-full', { path: 'x', neededBytes: 2, freeBytes: 1 }), receipt: null },
      [],
      14,
    ],
    ['a bug', { error: new InternalError('one and one is three'), receipt: null }, [], 1],
  ])('%s', async (_, end, flags, expected) => {
    const { shell, code } = await ran(['send', 'a', '--json', ...flags], [at({}), summary()], { end })
    expect(code).toBe(expected)
    expect(shell.stdout.events.slice(-2).map(({ type }) => type)).toEqual(['summary', 'exit'])
    expect(shell.stdout.events.at(-1)).toMatchObject({ code: expected, name: exitNames[expected] })
  })

  it('an error says what, why, what now, and the command to go on last', async () => {
    const error = new TransferError('retry-over', { triedForMs: 86_400_000, last: 'connection refused' })
    const { shell } = await ran(['send', 'my file'], [at({}), summary()], {
      end: { error, resumable: true, receipt: null, state: 'interrupted' },
    })
    expect(shell.stderr.lines.slice(-3)).toEqual([error.message, error.hint, "To go on:  carryon send 'my file'"])
  })

  it('a bug is told in one line and a hint; with -v its stack too', async () => {
    const end = { error: new InternalError('one and one is three'), receipt: null }
    const calm = await ran(['send', 'a'], [], { end })
    expect(calm.shell.stderr.lines).toHaveLength(3)
    const verbose = await ran(['send', 'a', '-v'], [], { end })
    expect(verbose.shell.stderr.text).toContain('run.test.ts')
  })
})

describe('signals', () => {
  it.each([
    ['SIGINT', 130, 'pause user'],
    ['SIGTERM', 143, 'pause signal'],
    ['SIGHUP', 129, 'pause signal'],
  ] as const)('%s pauses, tells where it stands, and asks to die by it', async (signal, code, call) => {
    const shellOf: { shell?: TestShell } = {}
    const steps: Step[] = [at({ bytesTotal: total }), progress(), () => shellOf.shell!.stop(signal), progress()]
    const { shell, session, result } = await ran(
      ['send', 'disk.img', '--json'],
      steps,
      {},
      {},
      (made) => (shellOf.shell = made),
    )
    expect(session.calls).toEqual([call])
    expect(result).toMatchObject({ exit: { code, name: 'signal', resumable: true }, signal })
    expect(shell.stderr.lines.slice(-2)).toEqual([
      'Paused at 71%: 8.3 GiB is safe on the other side.',
      'To go on:  carryon send disk.img --json',
    ])
    expect(shell.stdout.events.slice(-2)).toMatchObject([
      { type: 'summary' },
      { type: 'exit', code, resumable: true, resumeCommand: 'carryon send disk.img --json' },
    ])
  })

  it('one that comes when all is done changes nothing', async () => {
    const shellOf: { shell?: TestShell } = {}
    const session = new ScriptedSession([...transfer, () => shellOf.shell!.stop('SIGINT')])
    session.pause = () => Promise.resolve()
    const shell = (shellOf.shell = new TestShell(['send', 'a'], { api: { send: () => session } }))
    expect(await run(shell)).toMatchObject({ exit: { code: 0 }, signal: null })
  })

  it('stops watching a session that another process holds, and leaves it alone', async () => {
    const shellOf: { shell?: TestShell; session?: ScriptedSession } = {}
    const steps: Step[] = [at({}), () => shellOf.shell!.stop('SIGINT'), () => {}]
    const { shell, session, result } = await ran(
      ['send', 'a'],
      steps,
      { attached: true },
      { tty: true },
      (made) => (shellOf.shell = made),
    )
    expect(session.calls).toEqual(['abort'])
    expect(result).toMatchObject({ exit: { code: 130, resumable: false }, signal: 'SIGINT' })
    expect(shell.stderr.lines.at(-1)).toContain('goes on in the other process')
  })

  it('USR1 tells where it stands, USR2 switches the limit', async () => {
    const shellOf: { shell?: TestShell } = {}
    const steps: Step[] = [
      at({ bytesTotal: total }),
      progress(),
      () => {
        shellOf.shell!.status()
        shellOf.shell!.toggleLimit()
        shellOf.shell!.toggleLimit()
      },
      summary(),
    ]
    const { shell, session } = await ran(
      ['send', 'a', '--bwlimit', '1MiB'],
      steps,
      {},
      {},
      (made) => (shellOf.shell = made),
    )
    expect(session.calls).toEqual(['limit null', `limit ${2 ** 20}`])
    expect(shell.stderr.lines.slice(2, 5)).toEqual([
      'a: 71%, 8.3/11.7 GiB, 104 MiB/s, 0:33 left',
      'Bandwidth limit off.',
      'Bandwidth limit 1 MiB/s.',
    ])
  })
})

describe('options', () => {
  it('reach the library resolved, and only those that were given', async () => {
    const given: { paths?: readonly string[]; options?: SendOptions } = {}
    const api: Partial<CarryonApi> = {
      send: (paths, options) => {
        Object.assign(given, { paths, options })
        return new ScriptedSession([summary()])
      },
    }
    const args = ['send', 'a', 'b', '--to', 'env:T', '--bwlimit', 'off', '--retry-for', 'forever', '--exclude', 'x']
    await run(new TestShell(args, { api, env: { T: 'carryon1:Q' } }))
    expect(given.paths).toEqual(['a', 'b'])
    const present = Object.entries(given.options!).filter(([name, value]) => value !== undefined && name !== 'signal')
    expect(Object.fromEntries(present)).toEqual({
      mayAsk: false,
      to: 'carryon1:Q',
      retryForMs: Infinity,
      exclude: ['x'],
      attach: false,
      progressIntervalMs: 1000,
    })
  })

  it.each([
    [['send', 'a', '--to', 'env:T', '--listen', ':1'], '--to and --listen exclude each other.'],
    [['receive', '--from', 'env:T', '--ticket-file', 'x'], '--from and --ticket-file exclude each other.'],
    [['send', 'a', '--new', '--restart'], '--new and --restart exclude each other.'],
    [['resume', '--all', '9f2c'], '--all and "9f2c" exclude each other.'],
    [['pause'], 'Which session?'],
  ])('%j is refused', async (args, problem) => {
    const { shell, code } = await ran(args, [])
    expect(code).toBe(2)
    expect(shell.stderr.lines[0]).toBe(problem)
  })
})
