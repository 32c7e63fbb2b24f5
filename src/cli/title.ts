// The short name of what is sent, or of the folder received into, for the screen.

import { display } from '../index.ts'

/** `disk.img`, `photos and 2 more`: the last component of the first path, safe to show. */
export function titleOf(paths: readonly string[]): string {
  const first = paths[0] ?? ''
  const name =
    first
      .replace(/(\/\.?)+$/, '')
      .split('/')
      .at(-1) || first
  return display(name) + (paths.length > 1 ? ` and ${paths.length - 1} more` : '')
}

/** The folder as it was typed; where that is only dots, which read badly in a sentence, in words. */
export function titleOfFolder(directory: string): string {
  return /^\.\/*$/.test(directory) ? 'this folder' : display(directory)
}
