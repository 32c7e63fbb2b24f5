// Whole commands against a session written by hand: what lands on stdout, what on stderr, which number comes out.

import { describe, expect, it } from 'vitest'
import type { CarryonApi, SendOptions, SessionListing, SessionStatus } from '../../../src/index.ts'
import { TransferError } from '../../../src/index.ts'
import { exitTable } from '../../../src/cli/exit.ts'
import { eventSchema } from '../../../src/cli/event-schema.ts'
import { run } from '../../../src/cli/run.ts'
import { errorTable, exitNames, InternalError } from '../../../src/errors.ts'
import {
  at,
  listening,
  progress,
  receipt,
  ScriptedSession,
  sessionId,
  summary,
  type ScriptOptions,
  type Step,
} from '../../support/scripted-session.ts'
import { TestShell, type TestShellOptions } from '../../support/test-shell.ts'

const total = progress().bytesTotal!
const transfer: readonly Step[] = [
  listening(),
  at({ state: 'listening', reason: 'no-peer-yet', who: 'peer', peer: null }),
  at({ state: 'transferring', previous: 'agreeing', bytesTotal: total }),
  progress(),
  at({ state: 'released', previous: 'finishing', bytesTotal: total, bytesDurable: total }),
  summary({ bytesSentThisRun: total, bytesReused: 0 }),
]

describe('a log', () => {
  it('tells the whole story in lines, without a return or an escape', async () => {
    const { shell, code } = await ran(['send', 'disk.img'], transfer)
    expect(code).toBe(0)
    expect(shell.stderr.lines).toEqual([
      'Sending disk.img.',
      'Waiting for a receiver on 192.168.1.7:40312. The ticket is on standard output (one use, within 24 h).',
      'Transferring with 192.168.1.9:51000: data flows.',
      '✓ disk.img  11.7 GiB, 11.7 GiB sent in 33 s, never interrupted, 0 B sent twice, verified. Receipt: /home/me/.local/state/carryon/receipts/9f2c.json',
    ])
    // eslint-disable-next-line no-control-regex
    expect(shell.stderr.text + shell.stdout.text).not.toMatch(/[\r\u001b]/)
    expect(shell.stdout.text).toBe('carryon1:AAAA\n')
  })

  it('has a line every 30 s while nothing else happens', async () => {
    const shellOf: { shell?: TestShell } = {}
    const steps: Step[] = [at({ bytesTotal: total }), progress(), () => shellOf.shell!.pass(90_000), summary()]
    const { shell } = await ran(['send', 'disk.img'], steps, {}, {}, (made) => (shellOf.shell = made))
    const line = 'disk.img: 71%, 8.3/11.7 GiB, 104 MiB/s, 0:33 left'
    expect(shell.stderr.lines.filter((one) => one === line)).toHaveLength(3)
    expect(shell.isTicking).toBe(false)
    expect(shell.isListening).toBe(false)
  })

  it('says where it resumes, and how often it did', async () => {
    const steps = [
      at({ resumed: true, bytesTotal: total, bytesDurable: progress().bytesDurable }),
      summary({ reconnects: 1 }),
    ]
    const { shell } = await ran(['send', 'disk.img'], steps)
    expect(shell.stderr.text).toContain('Resuming at 71% (8.3 of 11.7 GiB already there).\n')
    expect(shell.stderr.text).toContain('3.4 GiB sent in 33 s, resumed twice, 0 B sent twice')
  })

  it('hears of the first attempt to reconnect, and why something waits once', async () => {
    const reconnecting = (attempt: number): Step => ({
      type: 'reconnecting',
      attempt,
      reason: 'peer-silent',
      delayMs: 1500,
      retryUntil: null,
      bytesAtRisk: 2048,
    })
    const full: Step = {
      type: 'waiting',
      reason: 'disk-full',
      who: 'peer',
      since: '2026-11-23T12:00:00.000Z',
      bytesNeeded: 4096,
      bytesFree: 1024,
      hint: 'Make room there.',
    }
    const { shell } = await ran(['send', 'a'], [at({}), reconnecting(1), reconnecting(2), full, full, summary()])
    expect(shell.stderr.lines.slice(2, -1)).toEqual([
      'The other side is silent: trying again in 2 s (attempt 1); 2 KiB in flight may be sent again.',
      'Waiting for the other side: the disk is full, 4 KiB needed, 1 KiB free. Make room there.',
    ])
  })

  it('shows names from a peer with their control characters escaped', async () => {
    const file: Step = {
      type: 'file',
      path: 'a\u001b[2J\r\n.txt',
      index: 0,
      outcome: 'omitted',
      bytes: 0,
      reason: 'unreadable',
    }
    const { shell } = await ran(['send', 'x\u001b[31my'], [file, summary()])
    expect(shell.stderr.text).toContain('a\\x1b[2J\\r\\n.txt: left out (unreadable)\n')
    // eslint-disable-next-line no-control-regex
    expect(shell.stderr.text).not.toMatch(/[\r\u001b]/)
  })

  it('is ASCII where the locale is', async () => {
    const { shell } = await ran(['send', 'disk.img'], transfer, {}, { env: { LANG: 'C' } })
    expect(shell.stderr.text).toMatch(/^ok disk.img {2}11.7 GiB/m)
  })

  it('has its progress left out on request, and all but warnings and the summary', async () => {
    const warned: readonly Step[] = [
      ...transfer.slice(0, -1),
      { type: 'warning', code: 'insecure', message: 'No encryption.' },
      summary(),
    ]
    const none = await ran(['send', 'disk.img', '--progress', 'none'], warned)
    expect(none.shell.stderr.lines).toHaveLength(4)
    const quiet = await ran(['send', 'disk.img', '-q'], warned)
    expect(quiet.shell.stderr.lines.map((line) => line.slice(0, 10))).toEqual(['Warning: N', '✓ disk.img'])
  })
})

describe('a terminal', () => {
  it('shows the command for the other side and the bar, and is left as it was', async () => {
    const { shell } = await ran(['send', 'disk.img'], transfer, {}, { tty: true })
    const text = shell.stderr.text
    expect(text).toContain('Waiting for a receiver. On the other machine run:\n')
    expect(text).toContain('    carryon receive --from carryon1:AAAA            (one use, within 24 h)\n')
    expect(shell.stdout.text).toBe('')
    for (const [off, on] of [
      ['\u001b[?25l', '\u001b[?25h'],
      ['\u001b[?7l', '\u001b[?7h'],
    ] as const)
      expect(text.lastIndexOf(on)).toBeGreaterThan(text.lastIndexOf(off))
    expect(text.trimEnd().split('\n').at(-1)).toMatch(/✓ disk\.img {2}11\.7 GiB/)
  })

  it('that is only for stderr gets the bar, while the ticket goes to the pipe', async () => {
    const { shell } = await ran(['send', 'disk.img'], transfer, {}, { tty: 'stderr' })
    expect(shell.stdout.text).toBe('carryon1:AAAA\n')
    expect(shell.stderr.text).not.toContain('carryon1:')
  })

  it.each([
    ['NO_COLOR', { NO_COLOR: '1' }, false],
    ['an empty NO_COLOR', { NO_COLOR: '' }, true],
    ['a dumb terminal', { TERM: 'dumb' }, false],
    ['an empty FORCE_COLOR', { FORCE_COLOR: '', NO_COLOR: '1' }, false],
  ])('has colours, with %s: %s', async (_, env, coloured) => {
    const { shell } = await ran(['send', 'disk.img'], transfer, {}, { tty: true, env })
    expect(shell.stderr.text.includes('\u001b[32m✓')).toBe(coloured)
  })

  it('has the last word on colours in --color', async () => {
    const always = await ran(['send', 'a', '--color', 'always'], transfer, {}, { env: { NO_COLOR: '1' } })
    expect(always.shell.stderr.text).toContain('\u001b[32m')
    const never = await ran(['send', 'a', '--color', 'never'], transfer, {}, { tty: true })
    expect(never.shell.stderr.text).not.toContain('\u001b[32m')
  })
})

describe('--json', () => {
  it('is one event a line, each as the schema says, the summary before the one exit', async () => {
    const { shell } = await ran(['send', 'disk.img', '--json'], transfer)
    const events = shell.stdout.events
    for (const event of events)
      expect(eventSchema.safeParse(event), JSON.stringify(event)).toMatchObject({ success: true })
    expect(events.map(({ type }) => type)).toEqual([
      'listening',
      'session',
      'session',
      'progress',
      'session',
      'summary',
      'exit',
    ])
    expect(events.at(-1)).toMatchObject({
      session: sessionId,
      role: 'sender',
      code: 0,
      name: 'ok',
      resumable: false,
      resumeCommand: null,
    })
    expect(shell.stderr.text).not.toContain('carryon1:')
  })

  it('leaves warnings, summary and exit with -q', async () => {
    const steps: readonly Step[] = [
      ...transfer.slice(0, 4),
      { type: 'warning', code: 'insecure', message: 'No encryption.' },
      summary(),
    ]
    const { shell } = await ran(['send', 'a', '--json', '-q'], steps)
    expect(shell.stdout.events.map(({ type }) => type)).toEqual(['warning', 'summary', 'exit'])
  })

  it('has at most one progress in each interval, or none', async () => {
    // The scripted clock gives each event a second.
    const steps = [at({}), ...Array.from({ length: 9 }, () => progress()), summary()]
    for (const [interval, count] of [
      ['3s', 3],
      ['1s', 9],
      ['off', 0],
    ] as const) {
      const { shell } = await ran(['send', 'a', '--json', '--progress-interval', interval], steps)
      expect(shell.stdout.events.filter(({ type }) => type === 'progress')).toHaveLength(count)
    }
  })

  it('keeps only the newest progress while the reader is behind, in order, and loses nothing else', async () => {
    const shellOf: { shell?: TestShell } = {}
    const steps: Step[] = [
      () => shellOf.shell!.stdout.sleep(),
      at({}),
      ...[1, 2, 3, 4].map((bytesSent) => progress({ bytesSent })),
      { type: 'hint', code: 'new-entries', message: 'More files.' },
      progress({ bytesSent: 5 }),
      progress({ bytesSent: 6 }),
      () => shellOf.shell!.stdout.wake(),
      summary(),
    ]
    const { shell } = await ran(['send', 'a', '--json'], steps, {}, {}, (made) => (shellOf.shell = made))
    expect(shell.stdout.events.map(({ type, bytesSent }) => bytesSent ?? type)).toEqual([
      'session',
      4,
      'hint',
      6,
      'summary',
      'exit',
    ])
  })

  it('holds the session back while the reader is behind on files', async () => {
    const shellOf: { shell?: TestShell } = {}
    const file = (index: number): Step => ({ type: 'file', path: `f${index}`, index, outcome: 'delivered', bytes: 1 })
    let pulled = 0
    const steps: Step[] = [
      () => shellOf.shell!.stdout.sleep(),
      file(0),
      () => void pulled++,
      file(1),
      () => void pulled++,
      summary(),
    ]
    const running = ran(['send', 'a', '--json', '--files'], steps, {}, {}, (made) => (shellOf.shell = made))
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    expect(pulled).toBe(0)
    shellOf.shell!.stdout.wake()
    const { shell } = await running
    expect(pulled).toBe(2)
    expect(shell.stdout.events.map(({ type }) => type)).toEqual(['file', 'file', 'summary', 'exit'])
  })

  it('a reader that goes away changes neither the transfer nor its code', async () => {
    const shellOf: { shell?: TestShell } = {}
    const broken = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })
    const steps: Step[] = [at({}), () => void shellOf.shell!.stdout.destroy(broken), progress(), summary()]
    const { shell, code } = await ran(['send', 'a', '--json'], steps, {}, {}, (made) => (shellOf.shell = made))
    expect(code).toBe(0)
    expect(shell.stderr.text).toContain('✓ a')
  })

  it('ends with exit for usage errors too', async () => {
    for (const args of [['--json'], ['send', '--json'], ['send', 'a', '--json', '--oops'], ['ls', '--json', 'x']]) {
      const { shell, code } = await ran(args, [])
      expect(code).toBe(2)
      expect(shell.stdout.events).toHaveLength(1)
      expect(shell.stdout.events[0]).toMatchObject({
        type: 'exit',
        code: 2,
        name: 'usage',
        session: null,
        error: { code: 'usage' },
      })
    }
  })
})

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

describe('management', () => {
  it('ls lists what there is, with the command to go on', async () => {
    const { shell } = await ran(['ls'], [], {}, { api: managing([listing]) })
    expect(shell.stdout.lines).toEqual([
      '9f2c41ab  send /home/me/disk.img  71% of 11.7 GiB  interrupted: the connection is gone, 2 h 30 min ago',
      '          carryon resume 9f2c41ab',
    ])
    expect((await ran(['ls'], [], {}, { api: managing([]) })).shell.stderr.text).toBe(
      'There is no unfinished session.\n',
    )
  })

  it('ls and status print one JSON document, and nothing else', async () => {
    const ls = await ran(['ls', '--json'], [], {}, { api: managing([listing]) })
    expect(JSON.parse(ls.shell.stdout.text)).toEqual({ v: 1, sessions: [listing] })
    const status = await ran(['status', '--json'], [], {}, { api: managing([listing]) })
    expect(JSON.parse(status.shell.stdout.text)).toMatchObject({ v: 1, session: { id: sessionId } })
  })

  it('status tells all there is', async () => {
    const { shell } = await ran(['status', '9f2c'], [], {}, { api: managing([listing]) })
    expect(shell.stdout.text).toContain('State:          interrupted: the connection is gone, 2 h 30 min ago\n')
    expect(shell.stdout.text).toContain('To go on:       carryon resume 9f2c41ab\n')
  })

  it('pause says how to go on', async () => {
    const { shell, code } = await ran(['pause', '9f2c', '--json'], [], {}, { api: managing([listing]) })
    expect(code).toBe(0)
    expect(shell.stderr.text).toBe('Paused 9f2c41ab, /home/me/disk.img. To go on:  carryon resume 9f2c41ab\n')
    for (const event of shell.stdout.events) expect(eventSchema.safeParse(event)).toMatchObject({ success: true })
    expect(shell.stdout.events).toMatchObject([{ type: 'session' }, { type: 'exit', code: 0, resumable: true }])
  })

  it('discard asks, and does nothing where nobody can answer', async () => {
    const discarded: string[] = []
    const api = managing([listing], discarded)
    const asked = await ran(['discard', '9f2c'], [], {}, { api })
    expect([asked.code, discarded]).toEqual([2, []])
    expect(asked.shell.stderr.text).toContain('--yes')
    const sure = await ran(['discard', '9f2c', '--yes'], [], {}, { api })
    expect([sure.code, discarded]).toEqual([0, [sessionId]])
    expect(sure.shell.stderr.text).toContain('The other side will hear of it when it calls.')
  })

  it('resume goes on with one session, or with all but what a person paused', async () => {
    const resumed: string[] = []
    const listings = [
      listing,
      { ...listing, id: 'aaaa'.repeat(8) },
      { ...listing, id: 'bbbb'.repeat(8), state: 'paused', reason: 'user' } as const,
    ]
    const api: Partial<CarryonApi> = {
      ...managing(listings),
      resumeSession: (id) => {
        resumed.push(id)
        return new ScriptedSession([at({}), summary()], { end: { vanished: id === sessionId ? 0 : 1 } })
      },
    }
    expect((await ran(['resume', '9f2c'], [], {}, { api })).code).toBe(0)
    const all = await ran(['resume', '--all', '--json'], [], {}, { api })
    expect(resumed).toEqual([sessionId, sessionId, 'aaaa'.repeat(8)])
    expect(all.code).toBe(6)
    expect(all.shell.stdout.events.filter(({ type }) => type === 'exit')).toMatchObject([{ code: 6 }])
    expect(all.shell.stdout.events.at(-1)).toMatchObject({ type: 'exit' })
  })

  it('a session that is not there is code 2', async () => {
    const { shell, code } = await ran(['status', 'dead'], [], {}, { api: managing([]) })
    expect(code).toBe(2)
    expect(shell.stderr.lines[0]).toBe('There is no session dead on this machine.')
  })
})

const listing: SessionListing = {
  id: sessionId,
  role: 'sender',
  state: 'interrupted',
  reason: 'network',
  who: 'both',
  since: '2026-11-23T09:30:00.000Z',
  held: false,
  epoch: 3,
  sources: ['/home/me/disk.img'],
  directory: null,
  peer: '192.168.1.9:51000',
  bytesDurable: progress().bytesDurable,
  bytesTotal: total,
  filesDone: 0,
  filesTotal: 1,
  createdAt: '2026-11-23T09:00:00.000Z',
  updatedAt: '2026-11-23T09:30:00.000Z',
  expiresAt: '2026-11-30T09:30:00.000Z',
  stale: false,
  resumeCommand: 'carryon resume 9f2c41ab',
}

function managing(listings: readonly SessionListing[], discarded: string[] = []): Partial<CarryonApi> {
  const found = (id: string): SessionListing => {
    const one = listings.find((session) => session.id.startsWith(id))
    if (one === undefined) throw new TransferError('session-not-found', { asked: id })
    return one
  }
  const more = {
    stateDirectory: '/s',
    onConflict: null,
    chunkBytes: null,
    outcomes: receipt.outcomes,
    receipt: null,
    live: null,
    other: null,
  }
  return {
    listSessions: () => Promise.resolve(listings),
    sessionStatus: (id): Promise<SessionStatus> => Promise.resolve().then(() => ({ ...found(id), ...more })),
    pauseSession: (id) => Promise.resolve().then(() => found(id)),
    discardSession: (id) => {
      discarded.push(id)
      return Promise.resolve({ ...found(id), peerTold: false })
    },
  }
}

async function ran(
  args: readonly string[],
  steps: readonly Step[],
  script: ScriptOptions = {},
  options: TestShellOptions = {},
  made: (shell: TestShell) => void = () => {},
) {
  const session = new ScriptedSession(steps, script)
  const following = (given?: { readonly signal?: AbortSignal | undefined }): ScriptedSession => {
    given?.signal?.addEventListener('abort', () => session.abort())
    return session
  }
  const api = { send: (_: unknown, given?: SendOptions) => following(given), ...options.api }
  const shell = new TestShell(args, { ...options, api })
  made(shell)
  const result = await run(shell)
  return { shell, session, result, code: result.exit.code }
}
