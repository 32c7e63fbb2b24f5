// The commands: one table with a row for each, saying what it does and which flags it takes, and the names that are
// promised and not built yet. Each is carried out by the file of its name in commands/.

import type { OptionName } from './options.ts'

export type CommandName =
  | 'send'
  | 'receive'
  | 'serve'
  | 'ticket'
  | 'ls'
  | 'status'
  | 'resume'
  | 'pause'
  | 'discard'
  | 'verify'
  | 'doctor'
  | 'help'

/** One row of the table. */
export interface CommandRow {
  /** After `carryon `. */
  readonly usage: string
  readonly does: string
  /** How many operands it takes. */
  readonly operands: { readonly min: number; readonly max: number; readonly what: string }
  readonly options: readonly OptionName[]
  /** What help says of an option here, where it means another thing to this command than to `send`. */
  readonly words?: { readonly [Name in OptionName]?: { readonly help?: string; readonly fallback?: string } }
  readonly examples: readonly string[]
}

/** Taken by every command. */
export const everywhere: readonly OptionName[] = [
  'json',
  'quiet',
  'verbose',
  'color',
  'progress',
  'progressInterval',
  'noInput',
  'yes',
  'stateDir',
]

const session: readonly OptionName[] = [
  'new',
  'restart',
  'wait',
  'retryFor',
  'connectFor',
  'deadAfter',
  'expires',
  'files',
  'maxTransfer',
  'maxDuration',
  'failIfNothing',
  'durability',
  'window',
]
const dialogue: readonly OptionName[] = [
  ...(['listen', 'advertise', 'ticketFile', 'bwlimit', 'lanes', 'insecurePlaintext', 'tlsCert', 'tlsKey'] as const),
]
const oneSession = { min: 0, max: 1, what: 'one SESSION' } as const

export const commandTable: { readonly [Name in CommandName]: CommandRow } = {
  send: {
    usage: 'send PATH...',
    does: 'Send files and folders; the same command again carries on.',
    operands: { min: 1, max: Infinity, what: 'a PATH to send' },
    options: [
      ...([
        'to',
        'as',
        'exclude',
        'excludeFrom',
        'links',
        'special',
        'onConflict',
        'vanished',
        'checksum',
        'chunkSize',
      ] as const),
      ...session,
      ...dialogue,
    ],
    examples: [
      'carryon send disk.img',
      'carryon send photos --exclude "*.tmp" --to @ticket',
      'carryon send photos --to nas:backup',
    ],
  },
  receive: {
    usage: 'receive [DIR]',
    does: 'Receive into DIR (default: here); the same command again carries on.',
    operands: { min: 0, max: 1, what: 'one DIR' },
    options: ['from', 'as', 'onConflict', 'maxBytes', 'maxFiles', ...session, ...dialogue],
    words: {
      as: { help: 'The name it lands under; part of what makes the same session.' },
      durability: { fallback: 'as the sender asks' },
    },
    examples: ['carryon receive', 'carryon receive /srv/in --from carryon1:...', 'carryon receive --from nas:photos'],
  },
  serve: {
    usage: 'serve DIR',
    does: 'Receive into DIR, and send from it, for many at once.',
    operands: { min: 0, max: 1, what: 'one DIR' },
    options: [
      ...(['listen', 'advertise', 'tlsCert', 'tlsKey', 'publicUrl', 'trustedProxy'] as const),
      ...(['sessionsMax', 'quota', 'bwlimit', 'lanes', 'minFree', 'allowRoot', 'printUnit'] as const),
      ...(['deadAfter', 'expires', 'durability', 'stdio'] as const),
    ],
    words: {
      durability: { fallback: 'as the sender asks' },
      expires: { help: 'A session is forgotten so long after its last progress.', fallback: '7d' },
      lanes: {
        help: 'Connections that carry data side by side in one session, at most; 1 to 16.',
        fallback: '16',
      },
      listen: { fallback: ':22779' },
    },
    examples: ['carryon serve /srv/in', 'carryon ticket new --root /srv/in --for send --file backup.ticket'],
  },
  ticket: {
    usage: 'ticket WORD [ID]',
    does: 'Tickets of a served folder: new, ls, revoke ID, rotate ID.',
    operands: { min: 1, max: 2, what: 'new, ls, revoke ID or rotate ID' },
    options: [
      ...(['root', 'for', 'path', 'maxBytes', 'maxFiles', 'sessionsMax', 'mayReplace'] as const),
      ...(['uses', 'expires', 'advertise', 'file'] as const),
    ],
    words: {
      expires: { help: 'It ends so long from now.', fallback: '24h' },
      root: { help: 'The served folder.' },
    },
    examples: ['carryon ticket new --for send --path photos --file photos.ticket', 'carryon ticket revoke 9f2c'],
  },
  ls: {
    usage: 'ls',
    does: 'List unfinished sessions.',
    operands: { min: 0, max: 0, what: 'no operand' },
    options: ['all', 'root', 'stale'],
    examples: ['carryon ls --all'],
  },
  status: {
    usage: 'status [SESSION]',
    does: 'Show one session in full.',
    operands: oneSession,
    options: ['watch'],
    examples: ['carryon status 9f2c', 'carryon status --watch'],
  },
  resume: {
    usage: 'resume [SESSION]',
    does: 'Go on without retyping; if it runs, follow it.',
    operands: oneSession,
    options: [
      ...(['all', 'rebuild', 'wait', 'retryFor', 'connectFor', 'deadAfter', 'files'] as const),
      ...(['maxTransfer', 'maxDuration', 'failIfNothing', 'window', 'bwlimit', 'lanes'] as const),
    ],
    examples: ['carryon resume', 'carryon resume --all'],
  },
  pause: {
    usage: 'pause SESSION',
    does: 'Stop a session, keep it, tell the other side.',
    operands: oneSession,
    options: ['all'],
    examples: ['carryon pause 9f2c'],
  },
  discard: {
    usage: 'discard SESSION',
    does: 'Give a session up: both sides forget what is unfinished.',
    operands: oneSession,
    options: ['localOnly', 'expired', 'olderThan'],
    examples: ['carryon discard 9f2c', 'carryon discard --expired --older-than 30d'],
  },
  verify: {
    usage: 'verify [WHAT]',
    does: 'Read a SESSION, or what was received at a PATH, again and compare.',
    operands: { min: 0, max: 1, what: 'one SESSION or PATH' },
    options: [],
    examples: ['carryon verify 9f2c', 'carryon verify photos'],
  },
  doctor: {
    usage: 'doctor',
    does: 'Look for what could stand in the way: clock, disks, ports, state.',
    operands: { min: 0, max: 0, what: 'no operand' },
    options: ['root'],
    examples: ['carryon doctor --root /srv/in'],
  },
  help: {
    usage: 'help [TOPIC]',
    does: 'On exit-codes, environment, json, states, filters, syntax, tickets.',
    operands: { min: 0, max: 1, what: 'one TOPIC' },
    options: [],
    examples: ['carryon help exit-codes'],
  },
}

export const commandNames: readonly CommandName[] = Object.keys(commandTable) as CommandName[]

/** Commands that are promised and not built yet. */
export const laterCommands: readonly string[] = ['run', 'schedule', 'completion']

const reserved = [
  'verify',
  'on-change',
  'takeover',
  'hardened',
  'rename-collisions',
  'preserve-special',
  'follow-parent',
]
const laterTransfer = ['n', 'dry-run', ...reserved, 'mirror', 'max-delete', 'compress']

/** Flags that are promised or reserved and not built yet, by command; `*` is every one. */
export const laterFlags: { readonly [Name in CommandName | '*']: readonly string[] } = {
  '*': ['log-format', 'config'],
  send: laterTransfer,
  receive: laterTransfer,
  serve: [...(['metrics', 'on-released'] as const), ...(['insecure-plaintext', 'ticket-file'] as const)],
  ticket: ['qr'],
  ls: [],
  status: [],
  resume: ['plan'],
  pause: [],
  discard: [],
  verify: ['receipt'],
  doctor: ['to'],
  help: [],
}
