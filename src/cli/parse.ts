// From arguments and environment to a command with its values. The parser of yargs reads the arguments; which names exist,
// what a value means and how a mistake is told is decided here, because it is lenient where it hurts (each setting below
// undoes one such trap). Nothing is printed and nothing is run.

import yargsParser, { type Options } from 'yargs-parser'
import { TransferError } from '../errors.ts'
import { commandNames, commandTable, everywhere, laterCommands, laterFlags, type CommandName } from './commands.ts'
import { flagName, optionTable, parseOption, variableName, type OptionName, type OptionValues } from './options.ts'
import { nearest } from './suggest.ts'

/** A command to run, or help to show. */
export type Parsed =
  | {
      readonly kind: 'run'
      readonly command: CommandName
      readonly operands: readonly string[]
      readonly values: Values
    }
  | { readonly kind: 'help'; readonly command: CommandName | undefined }

/** What was asked for; an option nobody gave is absent. */
export type Values = Readonly<Partial<OptionValues>>

type Environment = Readonly<Record<string, string | undefined>>

// yargs drops a bare `-` without a word, so it travels under this name. A NUL can't be in an argument.
const dash = '\0-'

/**
 * @param args without node and script
 * @throws usage
 */
export async function parseArguments(args: readonly string[], environment: Environment): Promise<Parsed> {
  const swapped = args.map((argument) => (argument === '-' ? dash : argument))
  const argv = parsedBy(swapped, args)
  refuseValuesOfSwitches(args)
  const words = [...listOf(argv['_']), ...listOf(argv['--'])]
  const before = listOf(argv['_'])
  const name = before[0]
  const command = commandNames.find((known) => known === name)
  if (command === undefined && name !== undefined) throw unknownCommand(name)
  if (argv['help'] === true) return { kind: 'help', command }
  if (command === undefined) {
    refuseUnknownFlags(argv, undefined)
    throw usage('What should carryon do?', `Name a command: ${commandNames.join(', ')}. \`carryon --help\` explains.`)
  }
  refuseUnknownFlags(argv, command)
  const operands = words.slice(1).map(unswapped)
  checkOperands(command, operands)
  return { kind: 'run', command, operands, values: valuesOf(command, argv, environment) }
}

/** Whether events are wanted on stdout, also where the arguments can't be parsed. */
export function wantsJson(args: readonly string[], environment: Environment): boolean {
  const given = beforeDashes(args).findLast((argument) => argument === '--json' || argument.startsWith('--json='))
  return given === undefined ? isTrue(environment[variableName('json')] ?? '') : !given.endsWith('=false')
}

/** What stands behind `--` is no flag. */
function beforeDashes(args: readonly string[]): readonly string[] {
  const end = args.indexOf('--')
  return end === -1 ? args : args.slice(0, end)
}

/** Every option is known whatever the command, so that a value is never taken for an operand. */
function parserOptions(): Options {
  const names = Object.keys(optionTable) as OptionName[]
  const switches = names.filter((name) => optionTable[name].takes === null)
  const valued = names.filter((name) => optionTable[name].takes !== null).map(flagName)
  const shorts = names.flatMap((name) =>
    optionTable[name].short === undefined ? [] : [[flagName(name), optionTable[name].short]],
  )
  return {
    boolean: ['help', ...switches.map(flagName)],
    string: valued,
    narg: Object.fromEntries(valued.map((name) => [name, 1])),
    alias: { help: 'h', ...Object.fromEntries(shorts) },
    configuration: {
      'boolean-negation': false, // --no-input is a flag of its own.
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'greedy-arrays': false,
      'populate--': true, // `send -- -odd` has a path.
    },
  }
}

/** What the parser itself refuses is a flag that lacks its value. */
function parsedBy(swapped: readonly string[], args: readonly string[]): Record<string, unknown> {
  const { argv, error } = yargsParser.detailed([...swapped], parserOptions())
  if (error === null) return argv
  const lacking = /^Not enough arguments following: (.+)$/.exec(error.message)?.[1]
  const problem = lacking === undefined ? `${error.message.replace(/\.$/, '')}.` : `--${lacking} needs a value.`
  const command = args.find((argument) => commandNames.some((known) => known === argument))
  const remedy = `\`${command === undefined ? 'carryon' : `carryon ${command}`} --help\` explains the flags.`
  throw new TransferError('usage', { problem, remedy }, { cause: error })
}

/** To the parser of yargs, --json=yes is --json=false. */
function refuseValuesOfSwitches(args: readonly string[]): void {
  const names = Object.keys(optionTable) as OptionName[]
  const switches = names.filter((name) => optionTable[name].takes === null).map((name) => `--${flagName(name)}`)
  for (const argument of beforeDashes(args)) {
    const [flag, ...value] = argument.split('=')
    if (value.length === 0 || !switches.includes(flag!) || /^(true|false)$/.test(value.join('='))) continue
    throw usage(`${flag} takes no value, and got "${value.join('=')}".`, `Say ${flag}, or leave it out.`)
  }
}

function valuesOf(command: CommandName, argv: Record<string, unknown>, environment: Environment): Values {
  const values: Record<string, unknown> = {}
  for (const name of [...commandTable[command].options, ...everywhere]) {
    const given = listOf(argv[flagName(name)]).map(unswapped)
    if (given.length > 0) values[name] = parseOption(name, given as [string, ...string[]], `--${flagName(name)}`)
    else {
      const variable = variableName(name)
      const text = environment[variable]
      if (text !== undefined && text !== '') values[name] = fromVariable(name, text, variable)
    }
  }
  return values
}

/** A switch is true or false in several words; what repeats has one value a line. */
function fromVariable(name: OptionName, text: string, variable: string): unknown {
  const row = optionTable[name]
  if (row.repeats) return parseOption(name, text.split('\n').filter(Boolean) as [string, ...string[]], variable)
  if (row.takes !== null) return parseOption(name, [text], variable)
  if (!isTrue(text) && !/^(0|false|no|off)$/i.test(text))
    throw usage(`${variable} is "${text}": neither yes nor no.`, 'Say 1 or 0.')
  return isTrue(text)
}

function isTrue(text: string): boolean {
  return /^(1|true|yes|on)$/i.test(text)
}

function refuseUnknownFlags(argv: Record<string, unknown>, command: CommandName | undefined): void {
  const options = command === undefined ? everywhere : [...commandTable[command].options, ...everywhere]
  const shorts = options.flatMap((name) => optionTable[name].short ?? [])
  const known = [...options.map(flagName), ...shorts, 'help', 'h', '_', '--', '$0']
  const later = [...laterFlags['*'], ...(command === undefined ? [] : laterFlags[command])]
  for (const name of Object.keys(argv)) {
    if (known.includes(name)) continue
    const flag = name.length === 1 ? `-${name}` : `--${name}`
    if (later.includes(name)) throw usage(`${flag} is not built yet.`, 'This version of carryon does without it.')
    const near = nearest(name, options.map(flagName))
    const where = command === undefined ? 'carryon' : `carryon ${command}`
    const remedy = near === undefined ? `\`${where} --help\` lists the flags.` : `Did you mean --${near}?`
    throw usage(`${where} has no flag ${flag}.`, remedy)
  }
}

function unknownCommand(name: string): TransferError {
  if (laterCommands.includes(name))
    return usage(`The command ${name} is not built yet.`, `There are ${commandNames.join(', ')}.`)
  const near = nearest(name, commandNames)
  const remedy = near === undefined ? `There are ${commandNames.join(', ')}.` : `Did you mean ${near}?`
  return usage(`There is no command "${name}".`, remedy)
}

function checkOperands(command: CommandName, operands: readonly string[]): void {
  const { operands: wanted, usage: line } = commandTable[command]
  if (operands.some((operand) => ticketAlone.test(operand))) throw misplacedTicket(command)
  if (operands.includes('-'))
    throw usage('Sending from or to a pipe (-) is not built yet.', 'A file of that name is ./-')
  if (operands.length >= wanted.min && operands.length <= wanted.max && !operands.includes('')) return
  const problem = operands.includes('')
    ? 'An operand is empty.'
    : operands.length < wanted.min
      ? `carryon ${command} needs ${wanted.what}.`
      : `carryon ${command} takes ${wanted.what}, not "${operands.slice(wanted.max).join('", "')}".`
  throw usage(problem, `Usage: carryon ${line}`)
}

/** A ticket where a path belongs; ./carryon1:x is a path. */
const ticketAlone = /^carryon\d{1,4}:/

function misplacedTicket(command: CommandName): TransferError {
  const flag = command === 'send' ? '--to' : '--from'
  const remedy =
    command === 'send' || command === 'receive' ? `Put ${flag} before it.` : 'Only send and receive take one.'
  return usage('A ticket stands where a file, a folder or a session belongs.', remedy)
}

function unswapped(text: string): string {
  return text === dash ? '-' : text
}

/** yargs leaves a string or a boolean, or a list of them where a flag is repeated. */
function listOf(value: unknown): string[] {
  const values = (Array.isArray(value) ? value : [value]) as readonly (string | boolean | undefined)[]
  return values.filter((one) => one !== undefined).map(String)
}

function usage(problem: string, remedy: string): TransferError {
  return new TransferError('usage', { problem, remedy })
}
