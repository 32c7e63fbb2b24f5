// ls, status, pause, discard, resume: what they print and ask, over sessions written by hand.

import { describe, expect, it } from 'vitest'
import type { CarryonApi, SessionListing, SessionStatus } from '../../../src/index.ts'
import { TransferError } from '../../../src/index.ts'
import { eventSchema } from '../../../src/cli/event-schema.ts'
import { ran, total } from '../../support/ran-command.ts'
import { at, progress, receipt, ScriptedSession, sessionId, summary } from '../../support/scripted-session.ts'

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

  it('pause --all says where there is nothing to do', async () => {
    const { shell, code } = await ran(['pause', '--all'], [], {}, { api: managing([]) })
    expect([code, shell.stderr.text]).toEqual([0, 'There is no session to pause.\n'])
    expect((await ran(['pause', '--all', '--quiet'], [], {}, { api: managing([]) })).shell.stderr.text).toBe('')
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

  it('discard promises nothing about the other side where the folder is gone', async () => {
    const gone = { ...listing, role: 'receiver', reason: 'disk-failed', stale: true, resumeCommand: null } as const
    const { shell, code } = await ran(['discard', '9f2c', '--yes'], [], {}, { api: managing([gone]) })
    expect(code).toBe(0)
    expect(shell.stderr.text).toContain('Discarded session 9f2c41ab')
    expect(shell.stderr.text).not.toContain('The other side')
  })

  it('discard --expired asks about what is old and held by nobody, and says what went', async () => {
    const updatedAt = '2020-01-01T00:00:00Z'
    const old = {
      ...listing,
      updatedAt,
      expiresAt: '2020-01-08T00:00:00Z',
      bytesDurable: 1024,
      role: 'receiver',
    } as const
    const asked: unknown[] = []
    const discardExpired: CarryonApi['discardExpired'] = (options) => {
      asked.push(options?.olderThanMs)
      return Promise.resolve([old])
    }
    const api = { ...managing([old, { ...listing, held: true }]), discardExpired }
    const unsure = await ran(['discard', '--expired'], [], {}, { api })
    expect([unsure.code, asked]).toEqual([2, []])
    const young = { ...managing([{ ...old, expiresAt: '2030-01-01T00:00:00Z' }]), discardExpired }
    expect((await ran(['discard', '--expired'], [], {}, { api: young })).code).toBe(0) // Nothing to ask about.
    expect(asked.splice(0)).toEqual([undefined])
    const sure = await ran(['discard', '--expired', '--older-than', '30d', '--yes'], [], {}, { api })
    expect([sure.code, asked]).toEqual([0, [30 * 86_400_000]])
    expect(sure.shell.stderr.text).toMatch(/^Discarded expired session 9f2c41ab, /)
    const none = { ...managing([]), discardExpired: () => Promise.resolve([]) }
    expect((await ran(['discard', '--expired'], [], {}, { api: none })).shell.stderr.text).toBe(
      'There is no expired session.\n',
    )
    for (const args of [['discard'], ['discard', '9f2c', '--expired'], ['discard', '9f2c', '--older-than', '1d']])
      expect((await ran(args, [], {}, { api })).code).toBe(2)
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

  it('a sender that died knows only the least that is safe, and what is worked on lasts', async () => {
    const died = await ran(['ls'], [], {}, { api: managing([{ ...listing, reason: 'crash' }]) })
    expect(died.shell.stdout.text).toContain('at least 71% of 11.7 GiB')
    const flows = { ...listing, held: true, state: 'transferring', reason: null } as const
    const live = await ran(['ls'], [], {}, { api: managing([flows]) })
    expect(live.shell.stdout.text).toContain('transferring: data flows, for 2 h 30 min')
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
