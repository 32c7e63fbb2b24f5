// Typed paths, made real once before a session begins: what is read and written later goes through pinned directories.

import * as fs from 'node:fs'
import { decodeName, encodeName, type Name } from '../model/names.ts'
import { faultName, translateFault } from './faults.ts'

/** Where an absolute path leads once its links are followed; undefined if there is nothing. Names that are no text are escaped. */
export async function realPath(path: Name): Promise<Name | undefined> {
  try {
    return decodeName(await fs.promises.realpath(Buffer.from(encodeName(path)), { encoding: 'buffer' }))
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(faultName(error))) return undefined
    throw translateFault(error, { operation: 'look up', path })
  }
}
