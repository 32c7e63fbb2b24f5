// Runs a whole command line against a session written by hand: what the tests of the command's output share.

import type { SendOptions } from '../../src/index.ts'
import { run } from '../../src/cli/run.ts'
import { at, listening, progress, ScriptedSession, summary, type ScriptOptions, type Step } from './scripted-session.ts'
import { TestShell, type TestShellOptions } from './test-shell.ts'

export const total = progress().bytesTotal!
/** A transfer from its first contact to its end. */
export const transfer: readonly Step[] = [
  listening(),
  at({ state: 'listening', reason: 'no-peer-yet', who: 'peer', peer: null }),
  at({ state: 'transferring', previous: 'agreeing', bytesTotal: total }),
  progress(),
  at({ state: 'released', previous: 'finishing', bytesTotal: total, bytesDurable: total }),
  summary({ bytesSentThisRun: total, bytesReused: 0 }),
]

/** @param made is told of the shell before the command starts, for steps that act on it */
export async function ran(
  args: readonly string[],
  steps: readonly Step[],
  script: ScriptOptions = {},
  options: TestShellOptions = {},
  made: (shell: TestShell) => void = () => {},
) {
  const session = new ScriptedSession(steps, script)
  const following = (given?: { readonly signal?: AbortSignal | undefined }): ScriptedSession => {
    given?.signal?.addEventListener('abort', () => session.abort())
    return session
  }
  const api = { send: (_: unknown, given?: SendOptions) => following(given), ...options.api }
  const shell = new TestShell(args, { ...options, api })
  made(shell)
  const result = await run(shell)
  return { shell, session, result, code: result.exit.code }
}
