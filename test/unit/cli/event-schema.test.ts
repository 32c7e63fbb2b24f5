// The published schema is the one the code has. After a change of events: npm run vitest -- -u, and read the difference,
// because additions are free and everything else needs a new major version.

import { format } from 'prettier'
import { describe, expect, it } from 'vitest'
import { eventFields, eventSchema, eventSchemaText } from '../../../src/cli/event-schema.ts'
import { reasonWords, stateWords } from '../../../src/cli/words.ts'
import { topics } from '../../../src/cli/help-topics.ts'
import { declaredEventTypes } from '../../support/events-source.ts'
import { at, listening, progress, sessionId, summary } from '../../support/scripted-session.ts'

describe('the schema of events', () => {
  it('is the one in docs/', async () => {
    const text = await format(eventSchemaText(), { parser: 'json', printWidth: 120 })
    await expect(text).toMatchFileSnapshot('../../../docs/events.v1.schema.json')
  })

  it('knows every event of model/events.ts', () => {
    expect(eventFields().map(({ type }) => type)).toEqual(declaredEventTypes())
  })

  it('takes what it should, and nothing that lacks a field or has another kind of value', () => {
    const envelope = { v: 1, time: '2026-11-23T12:00:00.000Z', session: sessionId, role: 'sender' }
    for (const body of [listening(), at({}), progress(), summary()]) {
      const event: Record<string, unknown> = { ...envelope, ...body }
      expect(eventSchema.safeParse({ ...event, later: 'a field of tomorrow' }).success).toBe(true)
      for (const name of Object.keys(event)) {
        const { [name]: _, ...lacking } = event
        expect(eventSchema.safeParse(lacking).success, `${body.type} without ${name}`).toBe(false)
        expect(eventSchema.safeParse({ ...event, [name]: { no: 1 } }).success, `${body.type}, odd ${name}`).toBe(false)
      }
    }
  })
})

describe('help', () => {
  it('json has a row for each event, with its fields', async () => {
    const text = (await topics.json()).replaceAll(/\s+/g, ' ')
    for (const { type, fields } of eventFields()) expect(text).toContain(`${type} ${fields.join(', ')}`)
  })

  it('states has a row for each state and reason', async () => {
    const text = await topics.states()
    for (const [word, means] of [...Object.entries(stateWords), ...Object.entries(reasonWords)])
      expect(text).toMatch(new RegExp(`^${word} +${means.replaceAll(/[()?]/g, '\\$&')}$`, 'm'))
  })

  it.each(Object.entries(topics))('%s is at most 120 columns wide', async (_, text) => {
    expect(Math.max(...(await text()).split('\n').map((line) => line.length))).toBeLessThanOrEqual(120)
  })
})
