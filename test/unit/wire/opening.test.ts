// What is said over a pipe before its connection begins: it comes back as it was said, and nothing else gets through.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hasCode } from '../../../src/errors.ts'
import {
  answerLine,
  decodeAnswer,
  decodeGreeting,
  decodeOpening,
  greetingLine,
  openingLine,
} from '../../../src/wire/opening.ts'

const session = '0123456789abcdef'.repeat(2)
const key = '0123456789abcdef'.repeat(4)

describe('over a pipe', () => {
  it('greetings, openings and answers are one line each, and come back as they were', () => {
    const greeting = { version: 1, nonce: session }
    expect(decodeGreeting(greetingLine(greeting).slice(0, -1))).toEqual(greeting)
    const opening = { session, role: 'sender', path: 'a\nb "c" \u{1f600}', ticketKey: key, proof: key } as const
    expect(openingLine(opening).indexOf('\n')).toBe(openingLine(opening).length - 1)
    expect(decodeOpening(openingLine(opening))).toEqual(opening)
    const other = { session, role: 'receiver', path: '' } as const
    expect(decodeOpening(openingLine(other))).toEqual(other)
    const busy = { granted: false, code: 'busy', sentence: 'Later.' } as const
    expect(decodeAnswer(answerLine(busy))).toEqual(busy)
    expect(decodeAnswer(answerLine({ granted: true }))).toEqual({ granted: true })
    const refusal = { granted: false, code: 'no-such-path', sentence: 'x'.repeat(5_000) } as const
    expect(decodeAnswer(answerLine(refusal))).toEqual({ ...refusal, sentence: 'x'.repeat(1_000) })
  })

  it('a greeting of another version is one, and what a shell says is none', () => {
    expect(decodeGreeting(`carryon.v2 ${session}`)).toMatchObject({ version: 2 })
    expect(decodeGreeting(`carryon.v10 ${session}`)).toMatchObject({ version: 10 })
    expect(decodeGreeting(`carryon.v1 ${session}\r`)).toMatchObject({ version: 1 })
    for (const line of ['', 'Welcome to Debian', 'carryon.v1', `carryon.v1 ${session}0`, ` carryon.v1 ${session}`])
      expect(decodeGreeting(line), line).toBeUndefined()
  })

  it.each([
    ['no session', { role: 'sender', path: '' }],
    ['a session that is none', { session: '../x', role: 'sender', path: '' }],
    ['a session and more', { session: `${session}0`, role: 'sender', path: '' }],
    ['more and a session', { session: `0${session}`, role: 'sender', path: '' }],
    ['a key and more', { session, role: 'sender', path: '', ticketKey: `${key}0` }],
    ['more and a key', { session, role: 'sender', path: '', ticketKey: `0${key}` }],
    ['a role that is none', { session, role: 'both', path: '' }],
    ['no path', { session, role: 'sender' }],
    ['a path without end', { session, role: 'sender', path: 'x'.repeat(4_097) }],
    ['half a key', { session, role: 'sender', path: '', ticketKey: key.slice(1) }],
    ['a proof that is none', { session, role: 'sender', path: '', proof: [key] }],
  ])('an opening with %s is refused', (_, value) => {
    expect(() => decodeOpening(JSON.stringify(value))).toThrow(expect.objectContaining({ code: 'protocol' }) as Error)
  })

  it.each([
    ['a code and more', { granted: false, code: 'busy!', sentence: '' }],
    ['more and a code', { granted: false, code: '-busy', sentence: '' }],
    ['a sentence without end', { granted: false, code: 'busy', sentence: 'x'.repeat(1_001) }],
  ])('an answer with %s is refused', (_, value) => {
    expect(() => decodeAnswer(JSON.stringify(value))).toThrow(expect.objectContaining({ code: 'protocol' }) as Error)
  })

  it('whatever comes as a line, the error is a typed one', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        for (const decode of [decodeOpening, decodeAnswer])
          try {
            decode(line)
          } catch (error) {
            expect(hasCode(error, 'protocol')).toBe(true)
          }
      }),
    )
  })
})
