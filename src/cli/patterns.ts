// What to leave out: the files of --exclude-from first, then --exclude, so that a flag can take back what a file says.

import { TransferError } from '../errors.ts'
import type { Values } from './parse.ts'
import { readSmallFile } from './user-files.ts'

/**
 * Patterns in order, in the words of .gitignore; comments and empty lines are left to whoever reads them.
 * @throws usage
 */
export async function readPatterns(values: Values): Promise<readonly string[]> {
  const lines: string[] = []
  for (const path of values.excludeFrom ?? []) {
    const text = await readSmallFile(path, false).catch((error: Error) => {
      const problem = `Cannot read patterns from ${path}: ${error.message}.`
      throw new TransferError('usage', { problem, remedy: 'Nothing was sent.' }, { cause: error })
    })
    lines.push(...text.split(/\r?\n/))
  }
  return [...lines, ...(values.exclude ?? [])]
}
