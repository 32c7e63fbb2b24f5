// Each flag of the table has a line of help, a variable and one meaning; each mistake has a sentence.

import { describe, expect, it } from 'vitest'
import {
  commandNames,
  commandTable,
  everywhere,
  laterCommands,
  laterFlags,
  type CommandName,
} from '../../../src/cli/commands.ts'
import { flagName, optionTable, variableName, type OptionName } from '../../../src/cli/options.ts'
import { helpOf } from '../../../src/cli/help.ts'
import { parseArguments, wantsJson } from '../../../src/cli/parse.ts'
import { nearest } from '../../../src/cli/suggest.ts'
import { isTransferError } from '../../../src/errors.ts'

/** For each flag that takes a value: two texts, and what the first one means. */
const samples: Partial<Record<OptionName, readonly [text: string, other: string, value: unknown]>> = {
  color: ['always', 'never', 'always'],
  progress: ['plain', 'bar', 'plain'],
  progressInterval: ['2s', 'off', 2000],
  root: ['/srv/in', '.', '/srv/in'],
  stateDir: ['/srv/state', '/x', '/srv/state'],
  to: ['@ticket', '-', '@ticket'],
  from: ['-', '@t', '-'],
  as: ['name', 'n', 'name'],
  exclude: ['*.tmp', 'a', ['*.tmp']],
  excludeFrom: ['patterns', 'b', ['patterns']],
  links: ['follow', 'skip', 'follow'],
  special: ['fail', 'list', 'fail'],
  durability: ['file', 'none', 'file'],
  onConflict: ['rename', 'keep', 'rename'],
  vanished: ['ok', 'fail', 'ok'],
  chunkSize: ['64KiB', '512KiB', 64 * 1024],
  maxBytes: ['1G', '2G', 1024 ** 3],
  maxFiles: ['100', '7', 100],
  retryFor: ['forever', '1h', Infinity],
  connectFor: ['5m', '1s', 300_000],
  deadAfter: ['30s', '5m', 30_000],
  expires: ['1d', '2d', 86_400_000],
  olderThan: ['30d', '1h', 30 * 86_400_000],
  maxTransfer: ['10G', '1', 10 * 1024 ** 3],
  maxDuration: ['8h', 'forever', 28_800_000],
  listen: ['[::1]:22779', ':0', { host: '::1', port: 22_779 }],
  advertise: ['example.org:1', 'x', ['example.org:1']],
  ticketFile: ['t', 'u', 't'],
  bwlimit: ['4MiB/s', 'off', 4 * 1024 ** 2],
  tlsCert: ['a.crt', 'b.crt', 'a.crt'],
  tlsKey: ['a.key', 'b.key', 'a.key'],
  publicUrl: ['wss://a.test', 'wss://b.test', 'wss://a.test'],
  trustedProxy: ['10.0.0.2', '10.0.0.3', ['10.0.0.2']],
  window: ['256MiB', '2MiB', 256 * 1024 ** 2],
  lanes: ['4', 'auto', 4],
  sessionsMax: ['20', '1', 20],
  quota: ['1TiB', '1', 1024 ** 4],
  minFree: ['10GiB', '1', 10 * 1024 ** 3],
  for: ['receive', 'send', 'receive'],
  path: ['photos/2026', 'x', 'photos/2026'],
  uses: ['3', '1', 3],
  file: ['t', 'u', 't'],
}

const helpTexts = Object.fromEntries(
  await Promise.all(commandNames.map(async (name) => [name, await helpOf(name)] as const)),
)
const takenFlags = commandNames.flatMap((command) =>
  [...commandTable[command].options, ...everywhere].map((name) => [command, name] as const),
)

describe.each(takenFlags)('carryon %s, %s', (command, name) => {
  const operands = operandsFor(command, name)
  const [text, other, value] = samples[name] ?? ['1', '0', true]

  it('is read from the command line', async () => {
    const flag = optionTable[name].takes === null ? [`--${flagName(name)}`] : [`--${flagName(name)}`, text]
    expect(await valueOf([command, ...flag, ...operands], {}, name)).toEqual(value)
  })

  it('is read from its variable, behind the flag', async () => {
    const variable = variableName(name)
    expect(await valueOf([command, ...operands], { [variable]: text }, name)).toEqual(value)
    const flag = optionTable[name].takes === null ? `--${flagName(name)}` : `--${flagName(name)}=${text}`
    expect(await valueOf([command, flag, ...operands], { [variable]: other }, name)).toEqual(value)
    expect(await valueOf([command, ...operands], { [variable]: '' }, name)).toBeUndefined()
  })

  it('has a line of help', async () => {
    const { takes, short } = optionTable[name]
    const line = `${short === undefined ? '' : `-${short}, `}--${flagName(name)}${takes === null ? '' : ` ${takes}`}`
    expect(helpTexts[command]).toContain(line)
  })
})

describe('the table', () => {
  it('has a sample for every flag that takes a value, and no flag that no command takes', () => {
    const taken = new Set<string>(takenFlags.map(([, name]) => name))
    for (const [name, row] of Object.entries(optionTable)) {
      expect(taken, name).toContain(name)
      if (row.takes !== null) expect(Object.keys(samples), name).toContain(name)
    }
  })

  it('names nothing as later that is there', () => {
    expect(laterCommands.filter((name) => (commandNames as readonly string[]).includes(name))).toEqual([])
    for (const command of commandNames) {
      const here: readonly string[] = [...commandTable[command].options, ...everywhere].map(flagName)
      expect([...laterFlags[command], ...laterFlags['*']].filter((flag) => here.includes(flag))).toEqual([])
    }
  })

  it.each(commandNames)('%s has help that fits, and says what it does', async (command) => {
    const help = await helpOf(command)
    expect(help).toContain(commandTable[command].usage)
    expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
    expect(await helpOf(undefined)).toContain(commandTable[command].does)
    const narrow = (await helpOf(command, 80)).split('\n').map((line) => line.length)
    expect(Math.max(...narrow)).toBeLessThanOrEqual(80)
  })

  it('has words of its own only for what a command takes, and says of other commands nothing', async () => {
    for (const command of commandNames) {
      const { words = {}, options } = commandTable[command]
      expect(
        Object.keys(words).filter((name) => !options.includes(name as OptionName)),
        command,
      ).toEqual([])
      expect((await helpOf(command)).replaceAll(/\s+/g, ' ')).not.toMatch(/serve:|receive,|of ticket/)
    }
    expect((await helpOf('serve')).replaceAll(/\s+/g, ' ')).toContain('[default: :22779]')
    expect((await helpOf('ticket')).replaceAll(/\s+/g, ' ')).toContain('The served folder.')
  })
})

describe('mistakes', () => {
  it.each([
    [['sned', 'a'], 'There is no command "sned".', 'Did you mean send?'],
    [['schedule', '.'], 'The command schedule is not built yet.', ''],
    [['send'], 'carryon send needs a PATH to send.', 'Usage: carryon send PATH...'],
    [['receive', 'a', 'b'], 'carryon receive takes one DIR, not "b".', ''],
    [['ls', 'x'], 'carryon ls takes no operand, not "x".', ''],
    [['receive', 'carryon1:AA'], 'A ticket stands where a file, a folder or a session belongs.', '--from'],
    [['send', 'a', 'carryon1:AA'], 'A ticket stands where a file, a folder or a session belongs.', '--to'],
    [['send', ''], 'An operand is empty.', ''],
    [['send', '-'], 'Sending from or to a pipe (-) is not built yet.', './-'],
    [['send', 'a', '--bwlimt', '3'], 'carryon send has no flag --bwlimt.', 'Did you mean --bwlimit?'],
    [['send', 'a', '--from', 'x'], 'carryon send has no flag --from.', '--help'],
    [['send', 'a', '-x'], 'carryon send has no flag -x.', '--help'],
    [['send', 'a', '--no-json'], 'carryon send has no flag --no-json.', ''],
    [['send', 'a', '--json=3'], '--json takes no value, and got "3".', 'Say --json, or leave it out.'],
    [['ls', '--quiet=', 'x'], '--quiet takes no value, and got "".', ''],
    [['send', 'a', '-n'], '-n is not built yet.', ''],
    [['receive', '--takeover'], '--takeover is not built yet.', ''],
    [['resume', '--plan'], '--plan is not built yet.', ''],
    [['ls', '--config', 'x'], '--config is not built yet.', ''],
    [['send', 'a', '--to'], '--to needs a value.', '`carryon send --help`'],
    [['--state-dir'], '--state-dir needs a value.', '`carryon --help`'],
    [['recv'], 'There is no command "recv".', 'Did you mean receive?'],
    [['send', 'a', '--to='], '--to needs a value', ''],
    [['send', 'a', '--to', '--json'], '--to needs a value.', ''],
    [['send', 'a', '--as', 'x', '--as', 'y'], '--as is given more than once.', ''],
    [
      ['send', 'a', '--on-conflict', 'overwrite'],
      '--on-conflict: "overwrite"',
      'fail, keep, replace, update or rename',
    ],
    [['send', 'a', '--dead-after', '1s'], '--dead-after: "1s" is out of range.', '3s to 5m'],
    [['send', 'a', '--dead-after', '6m'], '--dead-after: "6m" is out of range.', '3s to 5m'],
    [['send', 'a', '--retry-for', '5'], '--retry-for: "5" is not a duration', 'unit'],
    ...['0', '17', '-1', '1.5', 'many'].map((lanes): [string[], string, string] => [
      ['send', 'a', `--lanes=${lanes}`],
      `--lanes: "${lanes}" is not a number of lanes`,
      'from 1 to 16',
    ]),
    ...['1', '2097151', '2GiB'].map((window): [string[], string, string] => [
      ['send', 'a', '--window', window],
      `--window: "${window}" is out of range.`,
      '2MiB to 1GiB',
    ]),
    ...['1', '65535', '1048577', '2MiB'].map((size): [string[], string, string] => [
      ['send', 'a', '--chunk-size', size],
      `--chunk-size: "${size}" is out of range.`,
      '64KiB to 1MiB',
    ]),
    [['send', 'a', '--chunk-size', '0'], '--chunk-size: "0" is not a size', '0 never means'],
    [['receive', 'a', '--chunk-size', '64KiB'], 'carryon receive has no flag --chunk-size', ''],
    [['send', 'a', '--window', '0'], '--window: "0" is not a size', '0 never means "unlimited": leave the flag out.'],
    [['send', 'a', '--bwlimit', '0'], '--bwlimit: "0" is not a rate', 'off'],
    [['send', 'a', '--bwlimit', '9PiB'], '--bwlimit: "9PiB" is not a rate', 'The largest is 8 PiB'],
    [['serve', 'a', '--lanes', '17'], '--lanes: "17" is not a number of lanes', 'from 1 to 16'],
    [['send', 'a', '--listen', '22779'], '--listen: "22779" is no address', '[HOST]:PORT'],
    [['send', 'a', '--listen', ':65536'], '--listen: ":65536" is no address', ''],
    [['--quit'], 'carryon has no flag --quit.', 'Did you mean --quiet?'],
    [[], 'What should carryon do?', 'Name a command'],
  ])('%j', async (args, problem, remedy) => {
    const error = await parseArguments(args, {}).catch((thrown: unknown) => thrown)
    expect(isTransferError(error) && error.code).toBe('usage')
    expect((error as Error).message).toContain(problem)
    expect((error as { hint: string }).hint).toContain(remedy)
  })

  it('in a variable name the variable', async () => {
    await expect(parseArguments(['ls'], { CARRYON_ALL: 'maybe' })).rejects.toThrow('CARRYON_ALL is "maybe"')
    await expect(parseArguments(['send', 'a'], { CARRYON_EXPIRES: '5' })).rejects.toThrow('CARRYON_EXPIRES: "5"')
  })
})

describe("the parser's traps", () => {
  it('a variable of another command, or of none, changes nothing', async () => {
    const environment = { CARRYON_FROM: 'x', CARRYON_PATH: 'y', CARRYON__: 'z', CARRYON_HELP: '1' }
    expect(await parseArguments(['send', 'a'], environment)).toMatchObject({ operands: ['a'], values: {} })
  })

  it('every path arrives, in order, as it was typed', async () => {
    for (const operands of [
      ['a', 'b'],
      ['007', '1e3', '0x10'],
      ['a=b', 'a.b', 'ä'],
      ['status', 'send'],
    ])
      expect(await parseArguments(['send', ...operands], {})).toMatchObject({ command: 'send', operands })
  })

  it('what stands behind -- is a path', async () => {
    expect(await parseArguments(['send', '--json', '--', '-odd', '--all'], {})).toMatchObject({
      operands: ['-odd', '--all'],
      values: { json: true },
    })
  })

  it('a bare - is a value', async () => {
    expect(await valueOf(['send', 'a', '--to', '-'], {}, 'to')).toBe('-')
    expect(await valueOf(['send', 'a', '--to=-'], {}, 'to')).toBe('-')
  })

  it('a switch takes nothing away, may be said twice, and can be said to be off', async () => {
    expect(await parseArguments(['send', '--json', 'a', '--json'], {})).toMatchObject({
      operands: ['a'],
      values: { json: true },
    })
    expect(await valueOf(['send', 'a', '--json=false'], { CARRYON_JSON: '1' }, 'json')).toBe(false)
    expect(await parseArguments(['send', '--', '--json=3'], {})).toMatchObject({ operands: ['--json=3'] })
    expect(await valueOf(['ls', '-qv'], {}, 'verbose')).toBe(true)
  })

  it('a value is not a number, and not an object', async () => {
    expect(await valueOf(['send', 'a', '--as', '7'], {}, 'as')).toBe('7')
    await expect(parseArguments(['send', 'a', '--exclude.b', 'c'], {})).rejects.toThrow('no flag --exclude.b')
    await expect(parseArguments(['send', 'a', '--onConflict', 'keep'], {})).rejects.toThrow('no flag --onConflict')
    await expect(parseArguments(['send', 'a', '--__proto__', 'x'], {})).rejects.toThrow('no flag')
  })

  it('flags may stand before the command, with a value that looks like one', async () => {
    expect(await parseArguments(['--state-dir', 'ls', 'ls'], {})).toMatchObject({
      command: 'ls',
      values: { stateDir: 'ls' },
    })
  })

  it('the locale changes no sentence', async () => {
    await expect(parseArguments(['send', '--to'], { LANG: 'de_DE.UTF-8' })).rejects.toThrow('needs a value')
  })
})

describe('--json', () => {
  it('is seen even where nothing else can be', () => {
    expect(wantsJson(['send', '--oops', '--json'], {})).toBe(true)
    expect(wantsJson(['send', '--json=false'], { CARRYON_JSON: '1' })).toBe(false)
    expect(wantsJson(['send', '--', '--json'], {})).toBe(false)
    expect(wantsJson([], { CARRYON_JSON: '1' })).toBe(true)
  })
})

describe('Did you mean', () => {
  it.each([
    ['recieve', 'receive'],
    ['stat', 'status'],
    ['dsicard', 'discard'],
    ['zzz', undefined],
    ['s', undefined],
  ])('%s: %s', (typed, word) => expect(nearest(typed, commandNames)).toBe(word))
})

async function valueOf(
  args: readonly string[],
  environment: Record<string, string>,
  name: OptionName,
): Promise<unknown> {
  const parsed = await parseArguments(args, environment)
  if (parsed.kind !== 'run') throw new Error('that is help')
  return parsed.values[name]
}

function operandsFor(command: CommandName, name: OptionName): readonly string[] {
  return commandTable[command].operands.min > 0 && name !== 'all' ? ['operand'] : []
}
