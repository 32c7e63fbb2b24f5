// Where a ticket may come from, and that nothing of it is told to anybody it is not meant for.

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { resumeCommandOf } from '../../../src/cli/follow.ts'
import { readPatterns } from '../../../src/cli/patterns.ts'
import { shellQuoted } from '../../../src/cli/quote.ts'
import { targetFrom } from '../../../src/cli/secrets.ts'
import { isTransferError } from '../../../src/errors.ts'
import { scratchPath } from '../../support/scratch.ts'
import { TestShell, type TestShellOptions } from '../../support/test-shell.ts'

const ticket = 'carryon1:AbC-_123'

describe('a ticket comes from', () => {
  it('the command line', async () => expect(await from(ticket)).toBe(ticket))

  it('a file that only its owner may read, whatever stands around it', async () => {
    expect(await from(`@${fileWith(`\n ${ticket}\n`, 0o600)}`)).toBe(ticket)
    expect(await from(`@${fileWith(ticket, 0o400)}`)).toBe(ticket)
  })

  it('standard input', async () => expect(await from('-', { input: `${ticket}\n` })).toBe(ticket))

  it('a variable, which nobody inherits', async () => {
    const shell = new TestShell([], { env: { TICKET: ticket, OTHER: 'stays' } })
    expect(await targetFrom('env:TICKET', shell, false)).toBe(ticket)
    expect(shell.env).not.toHaveProperty('TICKET')
    expect(shell.env).toHaveProperty('OTHER')
  })

  it.each(['nas:photos', 'me@host:/srv', '[::1]:x', 'nas:@x', 'nas:./a:b', 'carryon:x'])(
    'ssh, and stays what it is: %s',
    async (place) => expect(await from(place)).toBe(place),
  )

  it('a credential of systemd', async () => {
    const directory = scratchPath()
    writeFileSync(join(directory, 'nas'), ticket, { mode: 0o400 })
    expect(await from('credential:nas', { env: { CREDENTIALS_DIRECTORY: directory } })).toBe(ticket)
  })
})

describe('refused', () => {
  it.each([0o640, 0o604, 0o660, 0o644])('a file that others may read (%o)', async (mode) => {
    expect(await refusal(`@${fileWith(ticket, mode)}`)).toMatch(/^secret-unreadable: .*its group or others may read it/)
  })

  it('what is not there, is a folder, or is far too large', async () => {
    const directory = scratchPath()
    mkdirSync(join(directory, 'folder'), { mode: 0o700 })
    expect(await refusal(`@${directory}/nothing`)).toMatch(/secret-unreadable: .*there is no such file/)
    expect(await refusal(`@${directory}/folder`)).toMatch(/secret-unreadable: .*it is a folder/)
    expect(await refusal(`@${fileWith('x'.repeat(2 ** 20 + 1), 0o600)}`)).toMatch(/larger than 1 MiB/)
    expect(await refusal('-', { input: 'x'.repeat(70_000) })).toMatch(/^ticket-damaged/)
    expect(await refusal('env:NOTHING')).toMatch(/secret-unreadable: .*not set/)
    expect(await refusal('credential:nas')).toMatch(/CREDENTIALS_DIRECTORY is not set/)
    expect(await refusal('credential:../x', { env: { CREDENTIALS_DIRECTORY: directory } })).toMatch(
      /no name of a credential/,
    )
  })

  it('what is no ticket, without repeating it', async () => {
    for (const text of ['', 'hunter2', `${ticket} and more`, 'x carryon1:'])
      expect(await refusal('-', { input: text })).toMatch(/^ticket-damaged/)
    expect(await refusal('-', { input: 'hunter2' })).not.toContain('hunter2')
  })

  it.each(['nas', 'cmd:pass show x', './a:b', '/srv/a:b'])('%s, which is not built yet', async (target) => {
    expect(await refusal(target)).toMatch(/^usage: .*not built yet/)
  })

  it('a name alone: the sentence says how it is spelt for ssh', async () => {
    expect(await refusal('nas')).toBe(
      'usage: "nas" is not a ticket, and a saved peer is not built yet. ' +
        'Over ssh it is nas:PATH. Pass a ticket: carryon1:..., @FILE, -, env:NAME or credential:NAME.',
    )
    expect(await refusal('me@nas')).toContain('Over ssh it is me@nas:PATH.')
    expect(await refusal('./file')).not.toContain('ssh')
  })

  it('a ticket with something before it, or without its beginning, and never repeats it', async () => {
    const body = 'AbC-_123'.repeat(16)
    for (const target of [`x${ticket}`, body]) {
      expect(await refusal(target)).toMatch(/^ticket-damaged/)
      expect(await refusal(target)).not.toContain('AbC-_123')
    }
  })

  it('a question nobody can answer', async () => {
    const shell = new TestShell([])
    Object.assign(shell.stdin, { isTTY: true }) // And stderr is none.
    await expect(targetFrom('-', shell, true)).rejects.toMatchObject({ code: 'cancelled-prompt' })
  })
})

describe('the command to go on', () => {
  it('is the same command, ready for a shell', () => {
    expect(resumeCommandOf(['send', "it's", 'a b', '--to', '@t'], {}, null)).toBe(
      `carryon send 'it'\\''s' 'a b' --to @t`,
    )
  })

  it('never holds a ticket', () => {
    const args = ['receive', '--from', ticket, '--json']
    expect(resumeCommandOf(args, { stateDir: '/my state' }, '9f2c41ab0011')).toBe(
      "carryon resume 9f2c41ab --state-dir '/my state'",
    )
    expect(resumeCommandOf(['receive', `--from=${ticket}`], {}, null)).toBeNull()
  })

  it('does not begin anew', () => {
    expect(resumeCommandOf(['send', 'a', '--restart', '--new=true'], {}, null)).toBe('carryon send a')
  })

  it('shows and survives what a shell or a terminal would act on', () => {
    expect(shellQuoted(['a\nb', '\u001b[2J', '$(x)', '', '\u0085'])).toBe(
      "$'a\\x0ab' $'\\x1b[2J' '$(x)' '' $'\\xc2\\x85'",
    )
  })
})

describe('patterns', () => {
  it('of files come before those of flags', async () => {
    const file = fileWith('# text\r\n*.tmp\n!keep.tmp', 0o644)
    expect(await readPatterns({ excludeFrom: [file], exclude: ['/x'] })).toEqual(['# text', '*.tmp', '!keep.tmp', '/x'])
  })

  it('that cannot be read end the command', async () => {
    await expect(readPatterns({ excludeFrom: ['/nowhere/at/all'] })).rejects.toMatchObject({ code: 'usage' })
  })
})

function from(target: string, options: TestShellOptions = {}): Promise<string> {
  return targetFrom(target, new TestShell([], options), false)
}

async function refusal(target: string, options: TestShellOptions = {}): Promise<string> {
  const error = await from(target, options).catch((thrown: unknown) => thrown)
  return isTransferError(error) ? `${error.code}: ${error.message} ${error.hint}` : `untyped: ${String(error)}`
}

function fileWith(text: string, mode: number): string {
  const path = join(scratchPath(), 'file')
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}
