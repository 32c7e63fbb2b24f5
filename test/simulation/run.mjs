// `npm run simulate -- --seed N | --seeds N [--first M] | --minutes M`. Bundles main.ts with the TypeScript of src as it is,
// and runs it in this process: no transform, no proxy of modules between the simulator and the machine.

import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'vite'

const outDir = await mkdtemp(fileURLToPath(new URL('../../node_modules/.simulation-', import.meta.url)))
try {
  await build({
    configFile: false,
    logLevel: 'error',
    root: fileURLToPath(new URL('../..', import.meta.url)),
    ssr: { noExternal: true },
    build: {
      ssr: fileURLToPath(new URL('main.ts', import.meta.url)),
      outDir,
      emptyOutDir: false,
      target: 'es2022',
      minify: false,
      sourcemap: 'inline',
    },
  })
  process.setSourceMapsEnabled(process.argv.includes('--seed')) // Mapping stacks of errors nobody sees takes half the time.
  await import(pathToFileURL(join(outDir, 'main.js')).href)
} finally {
  await rm(outDir, { recursive: true })
}
