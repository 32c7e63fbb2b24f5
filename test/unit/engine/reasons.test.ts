// What the peer is told of faults: names it knows, and no path of this machine.

import { describe, expect, it } from 'vitest'
import { reasonOf, withoutPaths } from '../../../src/engine/reasons.ts'
import { TransferError } from '../../../src/errors.ts'
import { translateFault } from '../../../src/store/faults.ts'

const canary = '/canary/in'

describe('why an entry came to nothing', () => {
  const path = ['photos', '2024', 'a.jpg']

  it.each([
    ['the entry', `${canary}/photos/2024/a.jpg`, 'photos/2024/a.jpg'],
    ['a folder on the way to it', `${canary}/photos/2024`, 'photos/2024'],
    ['the first folder on the way', `${canary}/photos`, 'photos'],
    ['something else of this machine', `${canary}/.carryon/x/parts/7`, 'photos/2024/a.jpg'],
    ['a file of which only the end is called so', `${canary}/myphotos`, 'photos/2024/a.jpg'],
  ])('names %s below the root', (_, absolute, name) => {
    const error = new TransferError('not-a-directory', { path: absolute })
    expect(reasonOf(error, path)).toBe(`${name} is a link or no folder; links are never followed here.`)
  })

  it('says what the system said, without the path it said', () => {
    const fault = Object.assign(new Error(`EIO: i/o error, open '${canary}/photos'`), { code: 'EIO' })
    const error = translateFault(fault, { operation: 'open', path: `${canary}/photos` }) as TransferError
    expect(reasonOf(error, path)).toBe('The disk failed while photos was used (open): EIO: i/o error.')
  })

  it('is said as it is where it names no path', () => {
    const error = new TransferError('limit', { what: 'something', limit: 1, asked: 2 })
    expect(reasonOf(error, path)).toBe(error.message)
  })
})

describe('what a dialer is told of a fault', () => {
  it.each([
    new TransferError('folder-not-writable', { path: canary, cause: `Not allowed: open ${canary}/.carryon` }),
    new TransferError('state-unsafe', { path: canary, why: 'it is a link' }),
    new TransferError('root-mismatch', { directory: canary }),
  ])('$code: its code, and no path of this machine', (error) => {
    expect(withoutPaths(error)).toMatchObject({
      code: error.code,
      message: 'The folder cannot be used there: that side is told why.',
    })
  })

  it.each([
    new TransferError('no-such-path', { path: 'photos' }),
    new TransferError('not-sendable', { path: 'photos', why: 'you may not read it' }),
    new TransferError('peer-busy', { session: '1a2b' }),
    new Error('a bug'),
  ])('$message: itself, where it names nothing but what the dialer named', (error) => {
    expect(withoutPaths(error)).toBe(error)
  })
})
