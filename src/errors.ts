// Every error a user, a script or a peer can meet: one class, one table. Details come first, so that the compiler asks for
// a row per code and for the right facts at each throw. What each one means and what to do: docs/errors.md. This file is
// longer than 400 lines because a table reads best in one piece.

/** The facts of each error, by code. */
export interface ErrorDetails {
  // What was asked for
  usage: { readonly problem: string; readonly remedy: string }
  'no-such-path': { readonly path: string }
  'not-sendable': { readonly path: string; readonly why: string }
  'same-name': { readonly name: string; readonly first: string; readonly second: string }
  'folder-not-writable': { readonly path: string; readonly cause: string }
  'port-in-use': { readonly address: string }
  'frozen-option': { readonly option: string; readonly session: string; readonly had: string; readonly asked: string }
  'session-not-found': { readonly asked: string }
  'folder-gone': { readonly session: string; readonly path: string }
  'session-ambiguous': { readonly asked: string; readonly matches: readonly string[] }
  'nothing-to-verify': { readonly asked: string }
  'no-state-directory': { readonly variable: string }
  'secret-unreadable': { readonly source: string; readonly cause: string }
  'nothing-to-send': { readonly paths: readonly string[] }
  // Tickets
  'ticket-damaged': { readonly why: string }
  'ticket-expired': { readonly expiredAt: string }
  'ticket-refused': { readonly peer: string }
  'ticket-revoked': { readonly ticket: string }
  'ticket-not-found': { readonly asked: string; readonly folder: string }
  scope: { readonly what: string }
  'ticket-spent': { readonly finishedAt: string; readonly receipt: string }
  // The peer and the way there
  'peer-unreachable': { readonly addresses: readonly string[]; readonly cause: string }
  'connection-lost': { readonly peer: string; readonly cause: string }
  'peer-silent': { readonly silentMs: number }
  'no-progress': { readonly stuckMs: number }
  'peer-busy': { readonly session: string }
  'retry-over': { readonly triedForMs: number; readonly last: string }
  'not-carryon': { readonly peer: string; readonly what: string }
  'not-the-peer': { readonly peer: string; readonly why: string }
  'ssh-refused': { readonly host: string; readonly cause: string }
  'no-carryon': { readonly host: string; readonly cause: string }
  version: { readonly ours: string; readonly theirs: string }
  protocol: { readonly why: string }
  'bad-name': { readonly name: string; readonly why: string }
  limit: { readonly what: string; readonly limit: number; readonly asked: number }
  'root-mismatch': { readonly directory: string }
  'manifest-mismatch': { readonly fields: readonly string[] }
  'session-unknown': { readonly session: string }
  'peer-refused': { readonly code: string; readonly sentence: string }
  // Ends that are no accident
  paused: { readonly by: 'user' | 'signal' | 'peer-user' | 'peer-signal' }
  'transfer-limit': { readonly limitBytes: number }
  'time-limit': { readonly limitMs: number }
  discarded: { readonly by: 'self' | 'peer' }
  expired: { readonly session: string; readonly at: string }
  busy: { readonly session: string; readonly directory: string }
  'lock-lost': { readonly directory: string }
  'cancelled-prompt': { readonly what: string }
  // Data
  integrity: {
    readonly path: string
    readonly offset: number
    readonly length: number
    readonly expected: string
    readonly found: string
  }
  'journal-damaged': { readonly path: string; readonly copy: string; readonly offset: number }
  'journal-version': { readonly path: string; readonly format: number }
  'journal-foreign': { readonly path: string; readonly why: string }
  // The disk
  'disk-full': { readonly path: string; readonly neededBytes: number; readonly freeBytes: number }
  'disk-failed': { readonly path: string; readonly operation: string; readonly cause: string }
  'too-many-open-files': { readonly path: string }
  'permission-denied': { readonly path: string; readonly operation: string }
  'not-found': { readonly path: string }
  'not-a-directory': { readonly path: string }
  'not-a-file': { readonly path: string }
  'already-exists': { readonly path: string }
  'links-unsupported': { readonly path: string }
  'name-refused': { readonly path: string }
  'no-locks': { readonly path: string }
  'state-unsafe': { readonly path: string; readonly why: string }
  bug: { readonly why: string }
  // One entry
  'source-changed': { readonly path: string; readonly what: string }
  'source-vanished': { readonly path: string }
  'source-gone': { readonly path: string }
}

export type ErrorCode = keyof ErrorDetails

/** One row of the table. */
export interface ErrorRow<Details> {
  /** What could not be done, to what, why. */
  readonly say: (details: Details) => string
  /** What is safe and what to do now. */
  readonly hint: string
  /** `soon`: reconnect with back-off. `when-cleared`: park until the condition is gone. `never`: a person must act. */
  readonly retryable: 'soon' | 'when-cleared' | 'never'
  /** Exit code of the command (docs of `carryon help exit-codes`). */
  readonly exit: number
  /** WebSocket close code, 4000 to 4999; the exact code travels in the message before. */
  readonly close: number
}

const safe = 'Nothing that was acknowledged is lost.'

export const errorTable: { readonly [Code in ErrorCode]: ErrorRow<ErrorDetails[Code]> } = {
  usage: { say: (d) => d.problem, hint: '', retryable: 'never', exit: 2, close: 4000 },
  'no-such-path': {
    say: (d) => `Cannot send ${d.path}: there is no such file or folder.`,
    hint: 'Nothing was sent. Check the spelling and run the command again; where it is to go stands behind --to.',
    retryable: 'never',
    exit: 2,
    close: 4000,
  },
  'not-sendable': {
    say: (d) => `Cannot send ${d.path}: ${d.why}.`,
    hint: 'Nothing was sent. Leave it out, or where you may not read it, change its permissions.',
    retryable: 'never',
    exit: 2,
    close: 4000,
  },
  'same-name': {
    say: (d) => `Cannot send ${d.first} and ${d.second} together: both would land as "${d.name}".`,
    hint: 'Nothing was sent. Send them in two commands, or give one of them another name.',
    retryable: 'never',
    exit: 2,
    close: 4000,
  },
  'folder-not-writable': {
    say: (d) => `Cannot receive into ${d.path}: ${d.cause}.`,
    hint: 'Nothing was received. Choose a folder you may write to, or change its permissions.',
    retryable: 'never',
    exit: 2,
    close: 4001,
  },
  'port-in-use': {
    say: (d) => `Cannot listen on ${d.address}: another program uses that port.`,
    hint: 'Choose another port with --listen, or stop the other program.',
    retryable: 'soon',
    exit: 2,
    close: 4000,
  },
  'frozen-option': {
    say: (d) =>
      `Session ${d.session} began with ${d.option} ${d.had}; this command asks for ${d.asked}. What shapes the result stays as it was.`,
    hint: 'Run the command without that option to resume, or add --restart to begin again.',
    retryable: 'never',
    exit: 2,
    close: 4000,
  },
  'session-not-found': {
    say: (d) =>
      d.asked === '' ? 'There is no unfinished session.' : `There is no session ${d.asked} on this machine.`,
    hint: '`carryon ls` lists the unfinished ones, `carryon ls --all` all.',
    retryable: 'never',
    exit: 2,
    close: 4000,
  },
  'folder-gone': {
    say: (d) => `Session ${d.session} was received into ${d.path}, which is not there.`,
    hint: 'It may be on a disk that is not mounted: mount it and run the command again, or give the session up with `carryon discard`.',
    retryable: 'never',
    exit: 2,
    close: 4000,
  },
  'session-ambiguous': {
    say: (d) =>
      `${d.asked === '' ? 'More than one session is unfinished' : `More than one session begins with ${d.asked}`}: ${d.matches.join(', ')}.`,
    hint: 'Name one of them, by 4 or more of its first digits.',
    retryable: 'never',
    exit: 2,
    close: 4000,
  },
  'nothing-to-verify': {
    say: (d) => `Nothing is known to have been received here${d.asked === '' ? '' : ` as ${d.asked}`}.`,
    hint: 'Only the receiving side can read it again: name a session of this machine, or a path that was received.',
    retryable: 'never',
    exit: 2,
    close: 4000,
  },
  'no-state-directory': {
    say: (d) => `Cannot tell where to keep the session: ${d.variable} is not set.`,
    hint: 'Set HOME or XDG_STATE_HOME, or name a folder with --state-dir.',
    retryable: 'never',
    exit: 2,
    close: 4000,
  },
  'secret-unreadable': {
    say: (d) => `Cannot read the ticket from ${d.source}: ${d.cause}.`,
    hint: 'Check what it names; a ticket file must be readable by you alone (chmod 600).',
    retryable: 'never',
    exit: 2,
    close: 4000,
  },
  'nothing-to-send': {
    say: (d) => `There is nothing to send in ${d.paths.join(', ')}.`,
    hint: 'The filters may leave everything out.',
    retryable: 'never',
    exit: 2,
    close: 4000,
  },
  'ticket-damaged': {
    say: (d) => `This is not a whole ticket: ${d.why}.`,
    hint: 'Copy it again, from "carryon1:" to its last letter. Nothing was sent.',
    retryable: 'never',
    exit: 4,
    close: 4003,
  },
  'ticket-expired': {
    say: (d) => `The ticket expired at ${d.expiredAt}.`,
    hint: 'Get a fresh one: the listening command prints it, or who runs the server. What was sent before stays safe.',
    retryable: 'never',
    exit: 4,
    close: 4003,
  },
  'ticket-refused': {
    say: (d) => `${d.peer} does not accept this ticket: it is wrong, expired, used up, or for another listener.`,
    hint: 'Run the listening command again: it prints a fresh ticket. What was sent before stays safe.',
    retryable: 'never',
    exit: 4,
    close: 4003,
  },
  'ticket-revoked': {
    say: (d) => `The ticket ${d.ticket} was revoked.`,
    hint: 'What was sent before stays safe: the same command with a new ticket goes on. Ask who runs the server.',
    retryable: 'never',
    exit: 4,
    close: 4003,
  },
  'ticket-not-found': {
    say: (d) => `${d.folder} has no ticket ${d.asked}, or more than one.`,
    hint: '`carryon ticket ls` lists them; name one by 4 or more of its first digits.',
    retryable: 'never',
    exit: 2,
    close: 4000,
  },
  scope: {
    say: (d) => `The ticket does not allow this: ${d.what}.`,
    hint: 'Nothing was changed there. Ask who runs the server for a ticket that allows it.',
    retryable: 'never',
    exit: 7,
    close: 4007,
  },
  'ticket-spent': {
    say: (d) => `This ticket has been used: what it was for was delivered at ${d.finishedAt}.`,
    hint: 'The receipt is kept. To send or receive more, run the listening command again: it prints a fresh ticket.',
    retryable: 'never',
    exit: 4,
    close: 4003,
  },
  'peer-unreachable': {
    say: (d) => `Cannot reach the other side at ${d.addresses.join(', ')}: ${d.cause}.`,
    hint: `${safe} Check that the other side is running and that no firewall is between.`,
    retryable: 'soon',
    exit: 5,
    close: 4005,
  },
  'connection-lost': {
    say: (d) => `The connection to ${d.peer} was lost: ${d.cause}.`,
    hint: `${safe} It goes on by itself when the link is back.`,
    retryable: 'soon',
    exit: 5,
    close: 4005,
  },
  'peer-silent': {
    say: (d) => `Nothing came from the other side for ${Math.round(d.silentMs / 1000)} s.`,
    hint: `${safe} Trying a new connection.`,
    retryable: 'soon',
    exit: 5,
    close: 4005,
  },
  'no-progress': {
    say: (d) => `The other side answers, but got nowhere for ${Math.round(d.stuckMs / 1000)} s.`,
    hint: `${safe} Trying a new connection.`,
    retryable: 'soon',
    exit: 5,
    close: 4005,
  },
  'peer-busy': {
    say: (d) => `The other side is busy with session ${d.session}.`,
    hint: 'Trying again shortly.',
    retryable: 'soon',
    exit: 5,
    close: 4011,
  },
  'retry-over': {
    say: (d) => `Gave up after ${Math.round(d.triedForMs / 1000)} s without a working connection. Last: ${d.last}`,
    hint: `${safe} Run the same command again to go on.`,
    retryable: 'never',
    exit: 5,
    close: 4005,
  },
  'not-carryon': {
    say: (d) => `${d.peer} does not speak carryon: ${d.what}.`,
    hint: 'Check the address and the port in the ticket.',
    retryable: 'never',
    exit: 7,
    close: 4007,
  },
  'not-the-peer': {
    say: (d) => `${d.peer} is not who this ticket is for: ${d.why}.`,
    hint: `${safe} If its certificate was exchanged, get a fresh ticket there; if not, somebody may stand in between.`,
    retryable: 'never',
    exit: 4,
    close: 4003,
  },
  'ssh-refused': {
    say: (d) => `ssh does not get into ${d.host}: ${d.cause}`,
    hint: `${safe} See that ssh gets there by itself: without a terminal it can ask for nothing, and needs a key or an agent.`,
    retryable: 'never',
    exit: 4,
    close: 4003,
  },
  'no-carryon': {
    say: (d) => `At the other end of ssh, ${d.host} has no carryon that answers: ${d.cause}`,
    hint: 'Install it there (npm install --global carryon) so that "ssh HOST carryon --version" finds it, and run the same command again.',
    retryable: 'never',
    exit: 7,
    close: 4007,
  },
  version: {
    say: (d) => `The two sides share no protocol version: here ${d.ours}, there ${d.theirs}.`,
    hint: 'Install the same major version of carryon on both machines.',
    retryable: 'never',
    exit: 7,
    close: 4007,
  },
  protocol: {
    say: (d) => `The other side broke the protocol: ${d.why}.`,
    hint: `${safe} If both sides are unmodified carryon, please report this sentence.`,
    retryable: 'never',
    exit: 7,
    close: 4007,
  },
  'bad-name': {
    say: (d) => `The other side sent a file name that cannot be: "${d.name}" (${d.why}).`,
    hint: 'Nothing was written for it. A carryon sender never sends such a name: do not trust that peer.',
    retryable: 'never',
    exit: 7,
    close: 4007,
  },
  limit: {
    say: (d) => `Refused: ${d.what} would be ${d.asked}, the limit is ${d.limit}.`,
    hint: 'Raise the limit on the receiving side, or send less.',
    retryable: 'never',
    exit: 7,
    close: 4007,
  },
  'root-mismatch': {
    say: (d) => `${d.directory} is not the folder this session was received into.`,
    hint: 'Mount or name the folder it began in, or add --restart to begin again.',
    retryable: 'never',
    exit: 7,
    close: 4007,
  },
  'manifest-mismatch': {
    say: (d) => `The two sides do not remember the same session: ${d.fields.join(', ')} differ.`,
    hint: 'Nothing was mixed. Add --restart to begin again.',
    retryable: 'never',
    exit: 7,
    close: 4007,
  },
  'session-unknown': {
    say: (d) => `The other side knows no session ${d.session}.`,
    hint: 'It may have been discarded there. Add --restart to begin again with a fresh ticket.',
    retryable: 'never',
    exit: 7,
    close: 4007,
  },
  'peer-refused': {
    say: (d) => `The other side refused (${d.code}): ${d.sentence}`,
    hint: safe,
    retryable: 'never',
    exit: 7,
    close: 4007,
  },
  paused: {
    say: (d) => (d.by.startsWith('peer') ? 'Paused by the other side.' : 'Paused.'),
    hint: `${safe} Run the same command again to go on.`,
    retryable: 'never',
    exit: 5,
    close: 4006,
  },
  'transfer-limit': {
    say: (d) => `Stopped: this run was allowed ${d.limitBytes} bytes (--max-transfer).`,
    hint: `${safe} Run the same command again to go on.`,
    retryable: 'never',
    exit: 8,
    close: 4006,
  },
  'time-limit': {
    say: (d) => `Stopped: this run was allowed ${Math.round(d.limitMs / 1000)} s (--max-duration).`,
    hint: `${safe} Run the same command again to go on.`,
    retryable: 'never',
    exit: 10,
    close: 4006,
  },
  discarded: {
    say: (d) => (d.by === 'peer' ? 'The other side discarded this session.' : 'This session was discarded.'),
    hint: 'Files already delivered stay where they are. The same command begins a new session.',
    retryable: 'never',
    exit: 7,
    close: 4006,
  },
  expired: {
    say: (d) => `Session ${d.session} expired at ${d.at}, after too long without progress.`,
    hint: 'The same command begins a new session and skips what is already there.',
    retryable: 'never',
    exit: 7,
    close: 4006,
  },
  busy: {
    say: (d) => `Session ${d.session} is already being worked on by another process here (${d.directory}).`,
    hint: 'It goes on there: `carryon status --watch` shows it, `carryon pause` stops it, each with its id. send, receive and resume wait for it with --wait; send and receive begin another with --new.',
    retryable: 'never',
    exit: 11,
    close: 4011,
  },
  'lock-lost': {
    say: (d) =>
      `The lock in ${d.directory} was removed or replaced while this process worked there: it stopped at once.`,
    hint: `${safe} Find out what deletes files there, then run the same command again.`,
    retryable: 'never',
    exit: 1,
    close: 4001,
  },
  'cancelled-prompt': {
    say: (d) => `Cannot ask for ${d.what}: there is no terminal, or --no-input was given.`,
    hint: 'Pass it as a flag: see --help.',
    retryable: 'never',
    exit: 2,
    close: 4000,
  },
  integrity: {
    say: (d) =>
      `${d.path} differs from what was sent, at byte ${d.offset} (${d.length} bytes): expected ${d.expected}, found ${d.found}.`,
    hint: 'It was not put in place. Check memory and disks of both machines, then run the same command again.',
    retryable: 'never',
    exit: 12,
    close: 4012,
  },
  'journal-damaged': {
    say: (d) => `The journal ${d.path} is damaged at byte ${d.offset}; a copy is kept as ${d.copy}.`,
    hint: 'Nothing was deleted. `carryon resume SESSION --rebuild` keeps what can be verified and goes on.',
    retryable: 'never',
    exit: 12,
    close: 4012,
  },
  'journal-version': {
    say: (d) => `The journal ${d.path} has format ${d.format}, written by a newer carryon.`,
    hint: 'Nothing was changed. Use the carryon that wrote it, or a newer one.',
    retryable: 'never',
    exit: 12,
    close: 4012,
  },
  'journal-foreign': {
    say: (d) => `The journal ${d.path} does not belong here: ${d.why}.`,
    hint: 'Nothing was changed or deleted, and nothing in that directory is used. To be rid of it, move it away by hand.',
    retryable: 'never',
    exit: 12,
    close: 4012,
  },
  'disk-full': {
    say: (d) => `Cannot write ${d.path}: its disk needs ${d.neededBytes} bytes and has ${d.freeBytes} free.`,
    hint: 'Make room: then it goes on by itself, or by the same command if it has ended.',
    retryable: 'when-cleared',
    exit: 14,
    close: 4014,
  },
  'disk-failed': {
    say: (d) => `The disk failed while ${d.path} was used (${d.operation}): ${d.cause}.`,
    hint: `${safe} Check the disk, then run the same command again.`,
    retryable: 'when-cleared',
    exit: 1,
    close: 4001,
  },
  'too-many-open-files': {
    say: (d) => `Cannot open ${d.path}: too many files are open.`,
    hint: 'Raise the limit with `ulimit -n`, then run the same command again.',
    retryable: 'soon',
    exit: 1,
    close: 4001,
  },
  'permission-denied': {
    say: (d) => `Not allowed: ${d.operation} ${d.path}.`,
    hint: 'Change its permissions or owner, then run the same command again.',
    retryable: 'never',
    exit: 1,
    close: 4001,
  },
  'not-found': {
    say: (d) => `${d.path} is not there any more.`,
    hint: safe,
    retryable: 'never',
    exit: 1,
    close: 4001,
  },
  'not-a-directory': {
    say: (d) => `${d.path} is a link or no folder; links are never followed here.`,
    hint: 'Put a real folder there, or choose another place.',
    retryable: 'never',
    exit: 1,
    close: 4001,
  },
  'not-a-file': {
    say: (d) => `${d.path} is no plain file: links, devices and pipes are never opened here.`,
    hint: 'Put a plain file there, or leave it out.',
    retryable: 'never',
    exit: 1,
    close: 4001,
  },
  'already-exists': {
    say: (d) => `${d.path} exists already.`,
    hint: safe,
    retryable: 'never',
    exit: 1,
    close: 4001,
  },
  'links-unsupported': {
    say: (d) => `The file system of ${d.path} has no hard links.`,
    hint: safe,
    retryable: 'never',
    exit: 1,
    close: 4001,
  },
  'no-locks': {
    say: (d) => `Cannot keep a session in ${d.path}: its disk takes no unix socket, which is the lock (FAT, exFAT).`,
    hint: 'Nothing was transferred. Receive onto another disk, and copy it from there.',
    retryable: 'never',
    exit: 2,
    close: 4001,
  },
  'name-refused': {
    say: (d) => `The disk takes no such name: ${d.path}.`,
    hint: 'It was left out. Give it another name, or receive it onto another disk.',
    retryable: 'never',
    exit: 3,
    close: 4001,
  },
  'state-unsafe': {
    say: (d) => `Will not keep state in ${d.path}: ${d.why}.`,
    hint: 'Nothing was changed. Mend its owner or permissions, or name another folder with --state-dir.',
    retryable: 'never',
    exit: 2,
    close: 4001,
  },
  bug: {
    say: (d) => `This is a bug in carryon: ${d.why}`,
    hint: 'Nothing that was acknowledged is lost: run the same command again. Please report this text.',
    retryable: 'never',
    exit: 1,
    close: 4001,
  },
  'source-changed': {
    say: (d) => `${d.path} changed while it was read (${d.what}).`,
    hint: 'It is sent again from the first chunk that differs.',
    retryable: 'soon',
    exit: 3,
    close: 4001,
  },
  'source-vanished': {
    say: (d) => `${d.path} was deleted after it was listed.`,
    hint: 'All other files go on. Run the command again once this one is released to pick it up.',
    retryable: 'never',
    exit: 6,
    close: 4001,
  },
  'source-gone': {
    say: (d) => `The folder to send from, ${d.path}, is gone (unmounted?).`,
    hint: 'Mount it again: then it goes on by itself, or by the same command if it has ended.',
    retryable: 'when-cleared',
    exit: 5,
    close: 4001,
  },
}

/** The ways a session can end without an error that still are not plain success, by exit code. */
export const exitNames: Readonly<Record<number, string>> = {
  0: 'ok',
  1: 'failed',
  2: 'usage',
  3: 'omissions',
  4: 'auth',
  5: 'interrupted',
  6: 'vanished',
  7: 'refused',
  8: 'transfer-limit',
  9: 'nothing-to-do',
  10: 'time-limit',
  11: 'busy',
  12: 'integrity',
  13: 'conflict',
  14: 'disk-full',
}

const brand: unique symbol = Symbol.for('carryon.TransferError') as never

/** What went wrong in a way a person or script can act on. `code` is stable; `message` is for people. */
export class TransferError<Code extends ErrorCode = ErrorCode> extends Error {
  readonly code: Code
  readonly details: ErrorDetails[Code]

  /** An error of which only the sentence came through: from a peer, or from a session that ended with it. It has no details. */
  static told(code: ErrorCode, sentence: string): TransferError {
    return new TransferError(code, {} as never, { sentence })
  }

  constructor(code: Code, details: ErrorDetails[Code], options?: ErrorOptions & { readonly sentence?: string }) {
    super(options?.sentence ?? errorTable[code].say(details), options)
    this.name = 'TransferError'
    this.code = code
    this.details = details
    Object.defineProperty(this, brand, { value: true })
  }

  /** What is safe and what to do now; one or two sentences, or ''. */
  get hint(): string {
    const { problem, remedy } = this.details as Partial<ErrorDetails['usage']>
    return this.code === 'usage' && problem !== undefined ? (remedy ?? '') : errorTable[this.code].hint
  }

  get exit(): number {
    return errorTable[this.code].exit
  }

  get retryable(): 'soon' | 'when-cleared' | 'never' {
    return errorTable[this.code].retryable
  }
}

/** Whether `error` is a TransferError, of this copy of the package or another one in the same process. */
export function isTransferError(error: unknown): error is TransferError {
  return error instanceof Error && brand in error
}

/** Narrows to one code. */
export function hasCode<Code extends ErrorCode>(error: unknown, code: Code): error is TransferError<Code> {
  return isTransferError(error) && error.code === code
}

/** A bug of ours: an assertion that did not hold. Never expected, never retried; the session stays resumable. */
export class InternalError extends Error {
  constructor(why: string, options?: ErrorOptions) {
    super(`This is a bug in carryon: ${why}.`, options)
    this.name = 'InternalError'
  }
}

/** Holds or throws InternalError. Stays on in releases. */
export function assert(condition: unknown, why: string): asserts condition {
  if (!condition) throw new InternalError(why)
}
