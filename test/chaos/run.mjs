// `npm run chaos -- --to HOST:PORT ...` is main.ts; vite reads its TypeScript as it is, so that any Node of ours will do.

import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'

const { module } = await runnerImport(fileURLToPath(new URL('main.ts', import.meta.url)), { oxc: { target: 'es2022' } })
process.exitCode = await module.main(process.argv.slice(2))
