// One project per folder of test/, so that a script names the folders it runs. Everything shared is said once below;
// each project extends it and adds its place and its patience.

import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const seconds = 1000

/** Projects of whole processes, sockets and disks run file after file: beside each other they only measure each other. */
const oneAtATime = { fileParallelism: false, testTimeout: 120 * seconds, hookTimeout: 60 * seconds }

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    testTimeout: 20 * seconds,
    maxWorkers: '100%', // Of two cores vitest takes one by itself; what measures whole processes is alone in its project.
    reporters: ['default'],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text-summary', 'html'],
    },
    projects: [
      folder('unit'),
      folder('conformance'),
      folder('compat'),
      folder('simulation', { testTimeout: 120 * seconds }),
      folder('regress'),
      folder('e2e', { ...oneAtATime, exclude: ['**/smoke*.test.ts'] }),
      folder('crash', { ...oneAtATime, exclude: ['**/smoke*.test.ts'] }),
      folder('powercut', oneAtATime),
      folder('hostile', oneAtATime),
      folder('network', oneAtATime),
      // The few seconds of e2e and crash that every `npm test` runs: files there whose name begins with `smoke`.
      project('smoke', ['test/{e2e,crash}/**/smoke*.test.ts'], oneAtATime),
      project('tidy', ['test/tidy.test.ts']),
    ],
  },
})

function folder(name: string, options: object = {}) {
  return project(name, [`test/${name}/**/*.test.ts`], options)
}

function project(name: string, include: string[], options: object = {}) {
  return { extends: true as const, test: { name, include, ...options } }
}
