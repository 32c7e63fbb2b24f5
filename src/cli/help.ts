// Lays out the help of commands, by yargs, which reads the same table as parse.ts. Loaded only when help is wanted: yargs takes
// longer to load than most commands take to run.

import yargs, { type Argv } from 'yargs'
import { commandNames, commandTable, everywhere, type CommandName } from './commands.ts'
import { flagName, optionTable, type OptionName } from './options.ts'

const columnsMax = 100 // Longer lines are hard to read.
const columnsMin = 60 // Narrower ones leave no room beside the longest flag.

/** The help of a command, or of carryon, for a terminal of so many columns; undefined: there is none. */
export async function helpOf(command: CommandName | undefined, columns: number = columnsMax): Promise<string> {
  const width = Math.max(columnsMin, Math.min(columnsMax, columns))
  const help = bare(yargs(command === undefined ? [] : [command])).wrap(width)
  const own = command === undefined ? [] : commandTable[command].options
  help.group(
    own.map((name) => explain(help, name, command)),
    'Flags:',
  )
  const alone = command === undefined ? ['version'] : []
  help.group([...everywhere.map((name) => explain(help, name, command)), 'help', ...alone], 'Everywhere:')
  help.option('help', { alias: 'h', describe: 'Explain.' })
  if (command === undefined) help.option('version', { describe: 'Print the version.' })
  if (command === undefined) {
    help.usage('Usage: carryon COMMAND\n\nFiles that carry on where they left off: run the same command again.')
    for (const name of commandNames) help.command(commandTable[name].usage, commandTable[name].does)
    help.epilogue('carryon COMMAND --help explains a command, carryon help TOPIC a topic.')
  } else {
    help.usage(`Usage: carryon ${commandTable[command].usage}\n\n${commandTable[command].does}`)
    for (const example of commandTable[command].examples) help.example(example, '')
  }
  return `${(await help.getHelp()).replaceAll(/[ \t]+$/gm, '')}\n`
}

/** Nothing of its own: neither flags nor an end of the process. */
function bare(help: Argv): Argv {
  return help.scriptName('carryon').locale('en').help(false).version(false).exitProcess(false)
}

/** For help only: without a type yargs adds no `[string]`, and the value's name can stand beside the flag's. */
function explain(help: Argv, name: OptionName, command: CommandName | undefined): string {
  const row = { ...optionTable[name], ...(command && commandTable[command].words?.[name]) }
  const label = row.takes === null ? flagName(name) : `${flagName(name)} ${row.takes}`
  help.option(label, {
    describe: row.help,
    ...(row.short === undefined ? {} : { alias: row.short }),
    ...(row.fallback === undefined ? {} : { defaultDescription: row.fallback }),
  })
  return label
}
