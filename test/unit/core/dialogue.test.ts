// Every pair of the dialogue, taken or refused by name, and the table that docs/protocol.md shows.

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { accepted, always } from '../../../src/core/dialogue.ts'
import type { Effect } from '../../../src/core/effects.ts'
import type { Phase } from '../../../src/core/hub.ts'
import type { Input } from '../../../src/core/inputs.ts'
import type { Message, MessageKind } from '../../../src/model/messages.ts'
import type { Role } from '../../../src/model/session.ts'
import { golden } from '../../support/golden-messages.ts'
import { Bench, listenerHello } from '../../support/core-bench.ts'

const roles: readonly Role[] = ['sender', 'receiver']
const phases: readonly Phase[] = ['greeting', 'agreeing', 'transferring', 'finishing']
const messages = new Map<MessageKind, Message>(Object.values(golden).map((message) => [message.kind, message]))
messages.set('skippable', { kind: 'skippable', name: 'later' })
const kinds = [...messages.keys()]

/** The sentence by which a pair is refused, or undefined. */
function refusal(effects: readonly Effect[]): string | undefined {
  for (const effect of effects) if (effect.kind === 'finish' && effect.end.how === 'failed') return effect.end.sentence
  return undefined
}

describe.each(roles)('a %s', (role) => {
  describe.each(phases)('while %s', (phase) => {
    it.each(kinds)('takes `%s` if the table says so, and refuses it by name otherwise', (kind) => {
      const bench = Bench.inPhase(role, phase)
      const sentence = refusal(bench.hear(messages.get(kind)!))
      const isNamed = sentence === `\`${kind}\` came while ${phase}`
      expect(isNamed, sentence ?? 'it was taken').toBe(!accepted[role][phase].includes(kind))
    })
  })
})

/** One of each, as the engine of that side would tell it. */
const inputsOf: Readonly<Record<Role, readonly Input['kind'][]>> = {
  sender: [
    'pageWalked',
    'pageSent',
    'chunkSent',
    'packSent',
    'sendFailed',
    'sourceFailed',
    'sourceChecked',
    'rehashed',
    'sourceGone',
    'sourceReturned',
  ],
  receiver: [
    'frameArrived',
    'pageStored',
    'pageSurveyed',
    'pageRefused',
    'chunkWritten',
    'chunkBad',
    'packWritten',
    'dataSynced',
    'filesPlaced',
    'partRevised',
    'treeFinished',
    'sessionDigested',
    'diskFilled',
    'diskCleared',
  ],
}

describe('inputs of the other side', () => {
  it.each(
    roles.flatMap((role) => inputsOf[role === 'sender' ? 'receiver' : 'sender'].map((kind) => [role, kind] as const)),
  )('a %s that is told `%s` says that it is a bug', (role, kind) => {
    const bench = Bench.inPhase(role, 'transferring')
    expect(() => bench.tell({ kind } as Input)).toThrow(`was told ${kind}`)
  })
})

it('hello is heard by the listener alone, before there is a phase', () => {
  const bench = Bench.fresh('sender')
  expect(bench.tell(listenerHello('receiver')).map(({ kind }) => kind)).toContain('commit')
})

describe('docs/protocol.md', () => {
  it('shows this table', () => {
    const text = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')
    expect(text).toContain(stateTable())
  })
})

/** The section "State table", generated. */
function stateTable(): string {
  const shown = (list: readonly MessageKind[]): string =>
    list
      .filter((kind) => kind !== 'skippable')
      .map((kind) => `\`${kind}\``)
      .join(' ')
  const cell = (role: Role, phase: Phase): string => {
    const all = accepted[role][phase]
    if (phase === 'greeting') return shown(all)
    return `${shown(all.filter((kind) => !always.includes(kind)))} and those below`
  }
  const names: Readonly<Record<Phase, string>> = {
    greeting: 'greeting (dialer only)',
    agreeing: 'agreeing',
    transferring: 'transferring',
    finishing: 'finishing',
  }
  return [
    '| phase | the sender takes | the receiver takes |',
    '| --- | --- | --- |',
    ...phases.map((phase) => `| ${names[phase]} | ${cell('sender', phase)} | ${cell('receiver', phase)} |`),
    `| from agreeing on | ${shown(always)} | ${shown(always)} |`,
  ].join('\n')
}
