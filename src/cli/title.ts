// The short name of what is sent, for the screen.

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
