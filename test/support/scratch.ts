// Directories of the real file system that a test may fill; gone when it is over.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Directory } from '../../src/model/disk.ts'
import { nodeDisk } from '../../src/store/node-disk.ts'

/** A new empty directory of the real file system, by path. */
export function scratchPath(): string {
  const path = mkdtempSync(join(tmpdir(), 'carryon-test-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** The same, pinned. */
export async function scratch(): Promise<Directory> {
  const directory = await nodeDisk.openRoot(scratchPath())
  onTestFinished(() => directory.close())
  return directory
}
