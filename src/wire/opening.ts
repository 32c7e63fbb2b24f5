// What is said over standard input and output before the WebSocket begins: the listener's greeting, then openings of the
// dialer, each answered, until one is granted. One line of text each. Normative: docs/protocol.md, section Over a pipe.

import { z } from 'zod'
import { controlMaxBytes, sentenceMaxChars } from '../model/limits.ts'
import type { Opening, OpeningAnswer, PipeGreeting } from '../model/opening.ts'
import { parseJson } from './json.ts'
import { refusal } from './refusal.ts'

/** No line of an opening is longer. */
export const openingMaxBytes: number = controlMaxBytes / 64

const id = z.string().regex(/^[0-9a-f]{32}$/)
const key = z.string().regex(/^[0-9a-f]{64}$/)

const opening: z.ZodType<Opening> = z.object({
  session: id,
  role: z.enum(['sender', 'receiver']),
  path: z.string().max(4_096),
  proof: key.optional(),
  ticketKey: key.optional(),
})

const answer: z.ZodType<OpeningAnswer> = z.union([
  z.object({ granted: z.literal(true) }),
  z.object({
    granted: z.literal(false),
    code: z.string().regex(/^[a-z][a-z0-9.-]{0,63}$/),
    sentence: z.string().max(sentenceMaxChars),
  }),
])

export function greetingLine({ version, nonce }: PipeGreeting): string {
  return `carryon.v${version} ${nonce}\n`
}

/** Undefined for a line that is no greeting: shells and systems say things of their own first. */
export function decodeGreeting(line: string): PipeGreeting | undefined {
  const [, version, nonce] = /^carryon\.v(\d{1,9}) ([0-9a-f]{32})\r?$/.exec(line) ?? []
  return nonce === undefined ? undefined : { version: Number(version), nonce }
}

export function openingLine(value: Opening): string {
  return `${JSON.stringify(value)}\n`
}

/** @throws TransferError `protocol` */
export function decodeOpening(line: string): Opening {
  return parsed(opening, line)
}

export function answerLine(value: OpeningAnswer): string {
  const { granted } = value
  if (granted) return `${JSON.stringify({ granted })}\n`
  return `${JSON.stringify({ ...value, sentence: value.sentence.slice(0, sentenceMaxChars) })}\n`
}

/** @throws TransferError `protocol` */
export function decodeAnswer(line: string): OpeningAnswer {
  return parsed(answer, line)
}

function parsed<T>(schema: z.ZodType<T>, line: string): T {
  const { success, data } = schema.safeParse(parseJson(line))
  if (!success) throw refusal('what it says before the connection begins has another form')
  return data
}
