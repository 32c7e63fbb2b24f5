// Programs that a test makes for itself: C from its source, and TypeScript in one file for a process of its own.

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const crash = new URL('../crash/', import.meta.url)

/** Whether C can be compiled here. */
export function hasCompiler(): boolean {
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' })
    return process.platform === 'linux'
  } catch {
    return false
  }
}

/** A library of test/crash that is loaded into a process before its own. @returns its path in `folder` */
export function compileShim(folder: string, source: string = 'shim.c'): string {
  return compile(source, `${folder}/${source.replace(/c$/, 'so')}`, '-shared', '-fPIC', '-pthread')
}

/** A source of test/crash. @returns `output` */
export function compile(source: string, output: string, ...flags: readonly string[]): string {
  const path = fileURLToPath(new URL(source, crash))
  execFileSync('cc', ['-O1', '-Wall', '-Wextra', '-Werror', ...flags, '-o', output, path, '-ldl'])
  return output
}

/** A program of test/crash with all it imports. @returns the path of one file in `folder` that Node runs */
export async function bundle(source: string, folder: string): Promise<string> {
  const entryFileNames = source.replace(/\.ts$/, '.mjs')
  await build({
    configFile: false,
    logLevel: 'error',
    root: fileURLToPath(new URL('../..', import.meta.url)),
    ssr: { noExternal: true },
    build: {
      ssr: fileURLToPath(new URL(source, crash)),
      outDir: folder,
      emptyOutDir: false,
      target: 'node20',
      sourcemap: 'inline',
      minify: false,
      rolldownOptions: { output: { entryFileNames } },
    },
  })
  return `${folder}/${entryFileNames}`
}
