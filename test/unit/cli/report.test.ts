// What a run tells: lines in a log, a bar on a terminal, events for a script. A session written by hand drives it.

import { describe, expect, it } from 'vitest'
import { TransferError } from '../../../src/errors.ts'
import { eventSchema } from '../../../src/cli/event-schema.ts'
import { ran, total, transfer } from '../../support/ran-command.ts'
import { at, progress, ScriptedSession, sessionId, summary, type Step } from '../../support/scripted-session.ts'
import type { TestShell } from '../../support/test-shell.ts'

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

  it.each([
    ['checkpoint', '1 GiB and 2 files safe', 'is safe on the other side.', 'verified.'],
    [
      'file',
      '8.3 GiB received, 2 files safe',
      'is received, and safe as far as files are complete, on the other side.',
      'verified.',
    ],
    [
      'none',
      '8.3 GiB and 2 files received, not synced',
      'is received, but not synced, on the other side.',
      'verified, not synced: a power cut may take it.',
    ],
  ] as const)('R20: nothing is called safe that a power cut may take: %s', async (level, point, paused, end) => {
    const kept = progress().bytesDurable
    const counted = level === 'checkpoint' ? {} : { bytesAcknowledged: kept }
    const bytesDurable = level === 'checkpoint' ? kept : 0
    const begun = at({ bytesTotal: total, bytesDurable, ...(level === 'checkpoint' ? {} : { level, ...counted }) })
    const moved = progress({ bytesDurable, ...counted })
    const checkpoint = {
      type: 'checkpoint',
      serial: 1,
      grade: 'minor',
      level,
      filesDone: 2,
      syncMs: 3,
      sinceLastMs: null,
    } as const
    const synced = { ...checkpoint, bytesDurable: level === 'checkpoint' ? 2 ** 30 : 0, ...counted }
    const shellOf: { shell?: TestShell } = {}
    const stopped = await ran(
      ['send', 'disk.img', '-v'],
      [begun, synced, moved, () => shellOf.shell!.stop('SIGINT'), () => {}],
      {},
      {},
      (made) => (shellOf.shell = made),
    )
    expect(stopped.shell.stderr.text).toContain(`Sync point 1 (minor): ${point}, in `)
    expect(stopped.shell.stderr.text).toContain(paused)
    const ended = await ran(['send', 'disk.img'], [begun, moved, summary()])
    expect(ended.shell.stderr.text).toContain(`0 B sent twice, ${end}`)
    expect(
      eventSchema.safeParse({ ...synced, v: 1, time: '2026-11-23T12:00:00.000Z', session: sessionId, role: 'sender' })
        .success,
    ).toBe(true)
  })

  it.each([
    ['user', new TransferError('paused', { by: 'user' }), []],
    ['time-limit', new TransferError('time-limit', { limitMs: 2000 }), ['Stopped: this run was allowed 2 s']],
    ['transfer-limit', new TransferError('transfer-limit', { limitBytes: 9 }), ['Stopped: this run was allowed 9 b']],
  ] as const)(
    'a stop that was wanted (%s) is told once, with where it stands, and is no failure',
    async (reason, error, why) => {
      const kept = { bytesTotal: total, bytesDurable: progress().bytesDurable }
      const paused = at({ state: 'paused', previous: 'transferring', reason, who: 'self', ...kept })
      const end = { state: 'paused', resumable: true, error, receipt: null } as const
      const api = { send: () => new ScriptedSession([at(kept), progress(), paused, summary({ files: 0 })], { end }) }
      const { shell, code } = await ran(['send', 'a'], [], {}, { api })
      expect(code).toBe(error.exit)
      const last = ['Paused at 71%: 8.3 GiB is safe on the other side.', 'To go on:  carryon send a']
      const said = shell.stderr.lines.slice(-2 - why.length)
      expect(said).toEqual([...why.map((begins) => expect.stringContaining(begins) as string), ...last])
      expect(shell.stderr.text).not.toContain('✗')
      expect(shell.stderr.text.match(/Paused/g)).toHaveLength(1)
    },
  )

  it('says once that the other side paused, and who waits for it', async () => {
    const paused = at({ state: 'paused', previous: 'transferring', reason: 'peer-user', who: 'peer' })
    const waits = (reason: 'peer-user' | 'peer-busy'): Step => ({
      ...({ type: 'waiting', reason, who: 'peer', since: '2026-11-23T12:00:00.000Z', hint: 'It comes back.' } as const),
    })
    const { shell } = await ran(['send', 'a'], [at({}), paused, waits('peer-user'), summary()])
    expect(shell.stderr.lines.filter((line) => line.includes('a person stopped it on the other side'))).toHaveLength(1)
    const busy = await ran(['send', 'a'], [at({}), waits('peer-busy'), summary()])
    expect(busy.shell.stderr.text).toContain('It comes back.')
  })

  it('calls nothing verified that was there before', async () => {
    const there = await ran(['send', 'a'], [at({}), summary({ outcomes: { unchanged: 2 }, bytesSentThisRun: 0 })])
    expect(there.shell.stderr.lines.at(-1)).toContain('0 B sent twice, there already.')
    const some = await ran(['send', 'a'], [at({}), summary({ outcomes: { unchanged: 2, delivered: 1 } })])
    expect(some.shell.stderr.lines.at(-1)).toContain('0 B sent twice, verified.')
  })

  it('sums up what crossed of a run that broke off before a file was in place, and calls nothing verified', async () => {
    const end = { error: new TransferError('session-unknown', { session: 'x' }), receipt: null }
    const broken = [at({}), progress(), summary({ files: 0, bytes: 0 })]
    const api = { send: () => new ScriptedSession(broken, { end }) }
    expect((await ran(['send', 'a'], [], {}, { api })).shell.stderr.text).toContain('✗ a  3.4 GiB sent in 33 s, never')
    const empty = await ran(['send', 'a'], [at({}), summary({ files: 0, bytes: 0 })])
    expect(empty.shell.stderr.lines.at(-1)).toMatch(/^✓ a {2}0 files, 0 B, /)
    expect(empty.shell.stderr.text).not.toContain('verified')
  })

  it('does not say that nothing was kept before the two sides have compared', async () => {
    const shellOf: { shell?: TestShell } = {}
    const steps: Step[] = [at({ state: 'listening', resumed: true }), () => shellOf.shell!.stop('SIGINT'), () => {}]
    const { shell } = await ran(['send', 'a'], steps, {}, {}, (made) => (shellOf.shell = made))
    expect(shell.stderr.text).toContain('Paused: what was safe on the other side before still is.\n')
  })

  it('does not call a connection gone that never was, nor sum up what never began', async () => {
    const unreachable = { type: 'reconnecting', attempt: 1, reason: 'network', delayMs: 0 } as const
    const steps: Step[] = [
      at({ state: 'greeting', epoch: 0 }),
      { ...unreachable, retryUntil: null, bytesAtRisk: 0 },
      summary({ files: 0 }),
      () => {
        throw new TransferError('peer-unreachable', { addresses: ['host:1'], cause: 'nothing listens there' })
      },
    ]
    const { shell } = await ran(['send', 'a'], steps)
    expect(shell.stderr.text).toContain('No connection to the other side yet: trying again now (attempt 1).\n')
    expect(shell.stderr.text).not.toContain('never interrupted')
    expect(shell.stderr.text).toContain('nothing listens there')
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

  it('says what to do about files that were in the way', async () => {
    const { shell } = await ran(['send', 'a'], [at({}), summary({ outcomes: { kept: 1, conflict: 1 } })])
    const last = shell.stderr.lines.at(-1)
    expect(last).toContain('1 entry kept as found there, 1 entry in conflict with what was there.')
    expect(last).toContain('Nothing was overwritten: run it again with --on-conflict')
  })

  it('says this folder rather than ".", which reads as ".." before a full stop', async () => {
    const api = { receive: () => new ScriptedSession([summary()], { role: 'receiver' }) }
    const { shell } = await ran(['receive'], [], {}, { api })
    expect(shell.stderr.text).toContain('0 B received twice')
    expect(shell.stderr.lines[0]).toBe('Receiving into this folder.')
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
    expect(shell.stderr.text).toContain('a\\x1b[2J\\r\\n.txt: left out (could not be read)\n')
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
    expect(text).toContain('Waiting for a receiver. On the other machine run (one use, within 24 h):\n')
    expect(text).toContain('    carryon receive --from carryon1:AAAA\n')
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
