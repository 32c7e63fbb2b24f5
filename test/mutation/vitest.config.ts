// The tests that Stryker runs (`npm run mutation`): those of single parts, fast and without whole processes.

import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    testTimeout: 60_000,
    include: [
      'test/unit/{core,wire}/**/*.test.ts',
      'test/unit/store/{journal,journal-damage,record-schema,small-files}.test.ts',
      'test/unit/engine/{links,restore}.test.ts',
      'test/compat/*.test.ts',
      'test/regress/*.test.ts',
    ],
    exclude: ['test/regress/seeds.test.ts'],
  },
})
