// `npm run test:powercut -- --cuts 100 --seed 7`: cuts the power of real file systems under transfers, and shows first that
// it would see what a disk without syncs loses; `--prove` shows that alone. Needs Linux, root, loop devices, mkfs.ext4 and
// cc; says what is missing and does nothing where it lacks one.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true, // Behind a second `--`: for vitest.
  options: { cuts: { type: 'string', default: '100' }, seed: { type: 'string' }, prove: { type: 'boolean' } },
})
const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const vitest = [at('node_modules/vitest/vitest.mjs'), 'run', '--config', at('test/vitest.config.ts')]
const command = [process.execPath, ...vitest, '--project', 'powercut', ...positionals]

const lacking = missing()
if (lacking !== undefined) console.log(`SKIPPED: no power cuts here, for want of ${lacking}.`)
process.exitCode = lacking === undefined ? cut() : run(command, {}) // Counts as skipped.

function missing() {
  if (process.platform !== 'linux') return 'Linux'
  if (process.getuid() !== 0) return 'root'
  if (!existsSync('/dev/loop-control')) return 'loop devices'
  for (const [tool, flag] of Object.entries({ 'mkfs.ext4': '-V', cc: '--version', unshare: '--version' }))
    if (spawnSync(tool, [flag]).error !== undefined) return tool
  return canMount() ? undefined : 'the right to mount'
}

/** In containers even root may not. */
function canMount() {
  try {
    execFileSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Under the shim, which does nothing until it is told to. */
function cut() {
  const folder = mkdtempSync(`${tmpdir()}/carryon-shim-`)
  try {
    const shim = `${folder}/shim.so`
    execFileSync('cc', ['-shared', '-fPIC', '-pthread', '-O1', '-o', shim, at('test/crash/shim.c'), '-ldl'])
    const env = { CARRYON_CUTS: values.prove ? '0' : values.cuts, LD_PRELOAD: shim }
    if (values.seed !== undefined) env.CARRYON_CUT_SEED = values.seed
    return run(['unshare', '-m', '--propagation', 'private', ...command], env)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function run([program, ...args], env) {
  return spawnSync(program, args, { env: { ...process.env, ...env }, stdio: 'inherit' }).status ?? 1
}
