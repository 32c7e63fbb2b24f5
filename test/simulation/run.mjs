// `npm run simulate -- --seed N` lives through one seed, `-- --seeds N [--first M]` through many. It drives vitest, which
// reads the TypeScript of src as it is.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: { seed: { type: 'string' }, seeds: { type: 'string' }, first: { type: 'string' } },
})
const env = { ...process.env }
if (values.seed !== undefined) env.CARRYON_SEED = values.seed
if (values.seeds !== undefined) env.CARRYON_SEEDS = values.seeds
if (values.first !== undefined) env.CARRYON_FIRST_SEED = values.first
const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url))
const config = fileURLToPath(new URL('../vitest.config.ts', import.meta.url))
const { status } = spawnSync(process.execPath, [vitest, 'run', '--config', config, '--project', 'simulation'], {
  env,
  stdio: 'inherit',
})
process.exitCode = status ?? 1
