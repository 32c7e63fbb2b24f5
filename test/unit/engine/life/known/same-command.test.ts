import { describe, expect, it } from 'vitest'
import {
  checkFrozen,
  chunkBytesOf,
  quoted,
  receiverFrozen,
  receiverIdentity,
  resumeCommand,
  senderFrozen,
  senderIdentity,
  walkOptions,
  withChunkBytes,
} from '../../../../../src/engine/life/known/same-command.ts'
import type { HeaderRecord } from '../../../../../src/model/records.ts'
import { headerOf } from '../header.ts'
import { recordText } from '../../../../../src/store/record-schema.ts'

const photos = [{ path: '/srv/photos', as: 'photos' }]

describe('the identity of a command', () => {
  it('is the real paths and where they land, not how they were typed', () => {
    expect(senderIdentity(photos)).toBe(senderIdentity([{ as: 'photos', path: '/srv/photos' }]))
    expect(senderIdentity(photos)).not.toBe(senderIdentity([{ path: '/srv/photos', as: '' }]))
    expect(senderIdentity(photos)).not.toBe(senderIdentity([{ path: '/srv/photo', as: 's' }]))
    expect(receiverIdentity('a')).not.toBe(receiverIdentity(undefined))
  })

  const many = (count: number, last = 'z'): { path: string; as: string }[] =>
    Array.from({ length: count }, (_, i) => ({ path: `/srv/photos/${i === count - 1 ? last : i}`, as: String(i) }))

  it('fits a journal, however many paths it is about; the same paths in the same order are the same', () => {
    const identity = senderIdentity(many(10_000))
    expect(() => recordText(headerOf({ sources: many(10_000), identity }))).not.toThrow()
    expect(senderIdentity(many(10_000))).toBe(identity)
    expect(senderIdentity(many(10_000, 'y'))).not.toBe(identity)
    expect(resumeCommand(headerOf({ sources: many(10_000) }), true, undefined)).toMatch(/^carryon resume [0-9a-f]{8}$/)
  })

  it('of more paths than a session can keep is refused with a way out', () => {
    expect(() => senderIdentity(many(60_000))).toThrow(expect.objectContaining({ code: 'usage' }))
  })
})

describe('frozen options', () => {
  const frozen = senderFrozen({ exclude: ['*.tmp', 'cache/'], links: 'follow' })
  const header = headerOf({ frozen })

  it('come back for the walk of every later run', () => {
    expect(walkOptions(header)).toEqual({ exclude: ['*.tmp', 'cache/'], links: 'follow' })
    expect(walkOptions(headerOf({ frozen: senderFrozen({}) }))).toEqual({ exclude: [], links: 'keep' })
  })

  it.each([
    [2 ** 17, 2 ** 17],
    [1, 2 ** 16],
    [2 ** 30, 2 ** 20],
    [NaN, 2 ** 20],
  ])('chunks of %s bytes are chunks of %s in every later run', (chunkBytes, expected) => {
    expect(chunkBytesOf(header)).toBeUndefined()
    expect(chunkBytesOf(withChunkBytes(header, chunkBytes))).toBe(expected)
    expect(walkOptions(withChunkBytes(header, chunkBytes))).toEqual(walkOptions(header))
  })

  it('need not be said again', () => {
    expect(() => checkFrozen(header, senderFrozen({}))).not.toThrow()
    expect(() => checkFrozen(header, senderFrozen({ links: 'follow' }))).not.toThrow()
  })

  it.each([
    [senderFrozen({ links: 'skip' }), '--links'],
    [senderFrozen({ exclude: ['*.tmp'] }), '--exclude'],
    [senderFrozen({ checksum: true }), '--checksum'],
    [receiverFrozen({ onConflict: 'replace' }), '--on-conflict'],
  ])('C10: asked otherwise are refused by name: %j', (asked, option) => {
    expect(() => checkFrozen(header, asked)).toThrow(expect.objectContaining({ code: 'frozen-option' }))
    expect(() => checkFrozen(header, asked)).toThrow(option)
  })
})

describe('resumeCommand', () => {
  const command = (header: Partial<HeaderRecord>, isNewest = true, stateDir?: string) =>
    resumeCommand(headerOf(header), isNewest, stateDir)

  it.each([
    [{ sources: photos }, 'carryon send /srv/photos'],
    [{ sources: [{ path: '/srv/photos', as: '' }] }, 'carryon send /srv/photos/.'],
    [{ sources: [{ path: '/', as: '' }] }, 'carryon send /.'],
    [{ sources: [{ path: '/srv/photos', as: 'holiday' }] }, 'carryon send /srv/photos --as holiday'],
    [
      { sources: [...photos, { path: "/srv/it's here", as: "it's here" }] },
      `carryon send /srv/photos '/srv/it'\\''s here'`,
    ],
    [{ role: 'receiver', directory: '/srv/in', identity: receiverIdentity(undefined) }, 'carryon receive /srv/in'],
    [{ role: 'receiver', directory: '/in', identity: receiverIdentity('x y') }, "carryon receive /in --as 'x y'"],
    [{ side: 'dialer', sources: photos }, 'carryon resume 12345678'],
  ] as const)('%j', (header, expected) => {
    expect(command(header)).toBe(expected)
  })

  it('names the session where a younger one answers to the same command, and the state directory that was asked for', () => {
    expect(command({ sources: photos }, false)).toBe('carryon resume 12345678')
    expect(command({ sources: photos }, true, '/var/state')).toBe('carryon send /srv/photos --state-dir /var/state')
  })
})

describe('quoted', () => {
  it.each([
    [['plain', '/a/b.c', 'x=1'], 'plain /a/b.c x=1'],
    [['a b', '$HOME', '', '~', 'a;b'], "'a b' '$HOME' '' '~' 'a;b'"],
  ])('%j', (words, expected) => {
    expect(quoted(...words)).toBe(expected)
  })
})
