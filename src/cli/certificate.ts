// The certificate of a listener, from the files that --tls-cert and --tls-key name to the text that the library takes.

import { TransferError } from '../errors.ts'
import { display, type RunOptions } from '../index.ts'
import type { Values } from './parse.ts'
import type { Shell } from './shell.ts'
import { readUserFile, type UserFile } from './user-files.ts'

/**
 * What the files hold; says on stderr if others may read the key.
 * @throws usage
 */
export async function certificateFrom(
  { tlsCert, tlsKey }: Values,
  shell: Shell,
): Promise<Pick<RunOptions, 'tlsCert' | 'tlsKey'>> {
  const chain = tlsCert === undefined ? undefined : await read('--tls-cert', tlsCert)
  const key = tlsKey === undefined ? undefined : await read('--tls-key', tlsKey)
  if (key?.isShared === true)
    shell.stderr.write(
      `Warning: others may read the key ${display(tlsKey ?? '')}, and pose as this side: chmod 600 it.\n`,
    )
  return { tlsCert: chain?.text, tlsKey: key?.text }
}

async function read(flag: string, path: string): Promise<UserFile> {
  try {
    return await readUserFile(path)
  } catch (error) {
    const problem = `Cannot read ${flag} ${display(path)}: ${(error as Error).message}.`
    throw new TransferError('usage', { problem, remedy: 'Name a PEM file that this user may read.' }, { cause: error })
  }
}
