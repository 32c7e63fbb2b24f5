// The topics of `carryon help`, made from the tables the code itself runs on, so that they cannot lag behind.

import { exitNames } from '../errors.ts'
import { commandNames, commandTable, everywhere } from './commands.ts'
import { exitTable } from './exit.ts'
import { flagName, optionTable, variableName, type OptionName } from './options.ts'
import { reasonWords, stateWords } from './words.ts'

export type Topic = 'exit-codes' | 'environment' | 'json' | 'states' | 'filters' | 'syntax' | 'tickets'

/** Text of each topic; asynchronous where dear parts are loaded for it. */
export const topics: { readonly [Name in Topic]: () => string | Promise<string> } = {
  'exit-codes': exitCodes,
  environment,
  json,
  states,
  filters,
  syntax,
  tickets,
}

function exitCodes(): string {
  const rows = Object.entries(exitTable).map(([code, { when, usuallyResumable }]) => [
    code,
    exitNames[Number(code)] ?? '',
    when,
    usuallyResumable,
  ])
  return page(
    'What stops a session decides the code. If it ran to its end, the gravest thing that became of a file does:',
    '12, 13, 3, 6. 0 means that everything asked for happened.',
    '',
    ...table([
      ['code', 'name', 'when', 'resumable'],
      ...rows,
      ['128+n', 'signal', 'state saved, died by signal n', 'yes'],
    ]),
    '',
    'Codes that are not listed are failures. A --json stream without a final `exit` event crashed, whatever the code.',
  )
}

function environment(): string {
  const rows = (Object.keys(optionTable) as OptionName[]).map((name) => {
    const takers = commandNames.filter((command) => commandTable[command].options.includes(name))
    return [variableName(name), `--${flagName(name)}`, everywhere.includes(name) ? 'every command' : takers.join(', ')]
  })
  return page(
    'Each --long-option has a variable. A flag goes before its variable. Switches say 1 or 0; what may be repeated has',
    'one value a line. An empty variable says nothing.',
    '',
    ...table([['variable', 'flag', 'read by'], ...rows]),
    '',
    ...table([
      ['also read', 'for'],
      ['STATE_DIRECTORY, XDG_STATE_HOME, HOME', 'where sessions are kept, the first that is set'],
      ['CREDENTIALS_DIRECTORY', 'credential:NAME'],
      ['NO_COLOR, TERM', 'no colour if NO_COLOR is not empty or TERM is dumb'],
      ['LC_ALL, LC_CTYPE, LANG', 'signs outside ASCII only where the locale is UTF-8'],
    ]),
  )
}

async function json(): Promise<string> {
  const { eventFields } = await import('./event-schema.ts')
  const rows = eventFields().map(({ type, fields }) => [type, fields.join(', ')])
  return page(
    'With --json stdout has one JSON object a line. Each has v (1), type, time (RFC 3339, UTC), session (id or null) and',
    'role. Bytes are integers. Ignore fields and types you do not know. `exit` is the last line, exactly once, for usage',
    'errors too; `summary` comes right before it whenever a session was known. ls and status print one document instead.',
    '',
    ...table([['type', 'fields (? may be absent)'], ...rows]),
    '',
    'The schema is docs/events.v1.schema.json of the package.',
  )
}

function states(): string {
  return page(
    ...table([['state', 'means'], ...Object.entries(stateWords)]),
    '',
    'A state that is not progress has a reason, and `who` waits or has to act: self, peer or both.',
    '',
    ...table([['reason', 'means'], ...Object.entries(reasonWords)]),
  )
}

function filters(): string {
  return page(
    '--exclude PATTERN and the lines of --exclude-from FILE are patterns in the words of .gitignore. Files come first, then',
    'flags; the last pattern that matches decides. They are matched against the path below what is sent.',
    '',
    ...table([
      ['pattern', 'leaves out'],
      ['*.tmp', 'every file and folder whose name ends so'],
      ['/build', 'build at the top only'],
      ['cache/', 'folders of that name'],
      ['docs/**/*.pdf', 'below docs at any depth'],
      ['!keep.tmp', 'nothing: takes a file back in'],
    ]),
    '',
    'Nothing is left out unasked but .carryon, our own folder. Filters are frozen in a session: to change them, --restart.',
    '',
    ...table([
      ['--links', 'symbolic links'],
      ['keep', 'those that stay inside what is sent; others are listed as skipped'],
      ['keep-all', 'all, as they are; never followed'],
      ['follow', 'what they point to is sent in their place'],
      ['skip', 'none'],
    ]),
  )
}

function syntax(): string {
  return page(
    ...table([
      ['value', 'written like'],
      ['SIZE', '64K, 64KiB (1024-based), 64KB (1000-based), 4096 (bytes)'],
      ['RATE', 'a size, with or without /s; 100Mbit (1000-based bits); off'],
      ['TIME', '90s, 15m, 1h30m, 7d, forever; the unit is required'],
      ['[HOST]:PORT', ':22779, 192.168.1.7:22779, [::1]:0'],
      ['SESSION', 'an id, its first 4 digits or more, or nothing where only one fits'],
    ]),
    '',
    '0 never means "unlimited".',
    '',
    ...table([
      ['TARGET', 'the ticket comes from'],
      ['carryon1:...', 'the command line'],
      ['@FILE', 'a file that you alone may read'],
      ['-', 'standard input; on a terminal you are asked'],
      ['credential:NAME', '$CREDENTIALS_DIRECTORY/NAME'],
      ['env:NAME', 'a variable; others may see it: prefer the ways above'],
    ]),
    '',
    'Or TARGET is [user@]HOST:PATH: ssh is started with your own set-up, and carryon must be installed there, too. PATH',
    'is the folder to receive into, or what to send; it begins at the home folder, and no shell reads it. An IPv6',
    'address stands in brackets. In authorized_keys, command="carryon serve --stdio DIR" keeps a key within DIR.',
  )
}

function tickets(): string {
  return page(
    'A ticket says where to dial and proves both sides to each other. `send` and `receive` print one for a session each.',
    'A folder that is served (carryon serve DIR) has tickets of its own, made by carryon ticket new --root DIR:',
    '',
    ...table([
      ['flag', 'what the ticket allows'],
      ['--for send', 'to send into the folder; nothing there can be listed or read'],
      ['--for receive', 'to receive what is in the folder, and nothing else'],
      ['--for both', 'both'],
      ['--path FOLDER', 'only in this folder below the served one'],
      ['--max-bytes, --max-files', 'what all its sessions together may bring in; what is there already does not count'],
      ['--sessions-max', 'sessions at work at once'],
      ['--may-replace', 'to replace files that are there; else --on-conflict replace and update are refused'],
      ['--uses', 'how many sessions it may begin; with 1 it may stand in a command line'],
      ['--expires', 'how long it is good: 24h unless said, at most 365d'],
    ]),
    '',
    'ticket ls lists them, ticket revoke ID ends one, ticket rotate ID gives it a new secret; the old one is good for 24 h',
    'more. A running server knows at once. When a ticket ends, its sessions end at their next sync point with code 4 on the',
    'other side; nothing that arrived is lost, and the same command with another ticket for that folder goes on.',
    '',
    'A listener needs no certificate. With --tls-cert FILE --tls-key FILE it shows one, and its tickets pin the key, which',
    'a renewal should keep. carryon serve --public-url wss://HOST makes tickets that go by the name instead: dialers ask the',
    'authorities of their machine (their own: NODE_EXTRA_CA_CERTS=FILE). Without a certificate, or with --trusted-proxy',
    'ADDRESS, that is a proxy in front where TLS ends: it can read and change what passes, and never has the secret.',
    '',
    'The secret is in the ticket and nowhere else: the folder keeps keys that are derived from it, readable by its owner',
    'alone. Who can read those can pose as either side until the ticket is revoked.',
  )
}

function page(...lines: readonly string[]): string {
  return `${lines.join('\n')}\n`
}

const lineColumnsMax = 110

/** Columns two spaces apart; the last but one wraps so that a line is at most 110 wide where that can be. */
function table(rows: readonly (readonly string[])[]): string[] {
  const columns = rows[0]!.length
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const long = widths.indexOf(Math.max(...widths))
  const others = widths.reduce((sum, width, column) => (column === long ? sum : sum + width), 0) + 2 * (columns - 1)
  const room = Math.max(30, lineColumnsMax - others)
  widths[long] = Math.min(widths[long]!, room)
  return rows.flatMap((row) => {
    const wrapped = wrap(row[long]!, room)
    return wrapped.map((part, line) =>
      row
        .map((cell, column) => (column === long ? part : line === 0 ? cell : '').padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
  })
}

function wrap(text: string, columns: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const last = lines.at(-1)!
    if (last !== '' && last.length + 1 + word.length > columns) lines.push(word)
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
  }
  return lines
}
