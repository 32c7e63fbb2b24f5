import fs from 'node:fs'
import { describe, expect, it } from 'vitest'
import { exitNames } from '../../../src/errors.ts'
import { exitTable } from '../../../src/cli/exit.ts'
import { helpOf } from '../../../src/cli/help.ts'
import { parseArguments } from '../../../src/cli/parse.ts'
import { commandNames } from '../../../src/cli/commands.ts'

const readme = fs.readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')

/** Command lines of the README's shell blocks, comments and redirections cut. */
const commandLines = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)]
  .flatMap(([, block]) => block!.split('\n'))
  .map((line) =>
    line
      .replace(/\s+#.*$/, '')
      .replace(/\s+>.*$/, '')
      .trim(),
  )
  .filter((line) => line.startsWith('carryon '))

const words = (line: string): string[] => line.match(/'[^']*'|\S+/g)!.map((word) => word.replaceAll("'", ''))

describe('the README', () => {
  it('shows at least ten commands', () => {
    expect(commandLines.length).toBeGreaterThanOrEqual(10)
  })

  it.each(commandLines)('shows a command that carryon knows: %s', async (line) => {
    const parsed = await parseArguments(words(line).slice(1), {})
    expect(parsed).toMatchObject({ command: words(line)[1] })
  })

  it('names no flag that no command has', async () => {
    const help = (await Promise.all(commandNames.map((name) => helpOf(name)))).join('\n')
    const named = new Set(readme.match(/(?<=[`\s(])--[a-z][a-z-]+/g))
    for (const other of ['--partial', '--append', '--fsync', '--global']) named.delete(other) // Flags of other tools.
    expect([...named].filter((flag) => !help.includes(flag))).toEqual([])
  })

  it('has the exit codes that can occur, under their names', () => {
    const rows = [...readme.matchAll(/^\| (\d+) \| `([a-z-]+)` \|/gm)].map(([, code, name]) => [Number(code), name])
    const built = Object.entries(exitTable).filter(([, { when }]) => !when.includes('not built yet'))
    expect(rows).toEqual(built.map(([code]) => [Number(code), exitNames[Number(code)]]))
  })
})
