// The tests that Stryker runs on the door (`npm run mutation -- door`): names, paths, tickets and proofs.

import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    testTimeout: 60_000,
    include: [
      'test/unit/model/*.test.ts',
      'test/unit/wire/{bounds,manifest,names}.test.ts',
      'test/unit/store/{pins,confined-disk,target}.test.ts',
      'test/unit/transport/{keys,proof,failed-proofs}.test.ts',
      'test/unit/engine/name-rules.test.ts',
      'test/unit/engine/life/{serving/grant-book,known/tickets,roads/guard}.test.ts',
      'test/compat/wire.test.ts',
    ],
  },
})
