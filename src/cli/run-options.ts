// The options of the library that every running transfer shares, from the values of the command line.

import type { RunOptions } from '../index.ts'
import type { Values } from './parse.ts'
import type { Shell } from './shell.ts'

/** What nobody gave stays undefined: the library has the defaults. */
export function runOptions(shell: Shell, values: Values): RunOptions {
  return {
    stateDir: values.stateDir,
    listen: values.listen,
    advertise: values.advertise,
    ticketFile: values.ticketFile,
    wait: values.wait,
    // On a terminal a session that already runs is shown; a script is told that it is busy.
    attach: shell.stderr.isTTY === true && values.wait !== true,
    retryForMs: values.retryFor,
    connectForMs: values.connectFor,
    deadAfterMs: values.deadAfter,
    expiresMs: values.expires,
    files: values.files,
    bwlimit: values.bwlimit === Infinity ? undefined : values.bwlimit,
    windowBytes: values.window,
    lanes: values.lanes,
    maxTransfer: values.maxTransfer,
    maxDurationMs: values.maxDuration,
    insecurePlaintext: values.insecurePlaintext,
    mayAsk: shell.stdin.isTTY === true && shell.stderr.isTTY === true && values.noInput !== true,
  }
}
