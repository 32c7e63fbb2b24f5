// Loaded before carryon by `node --import`: each sync of a file or a directory takes 50 ms more, as on a slow disk.

import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const extraMs = 50
const never = new Int32Array(new SharedArrayBuffer(4))

for (const name of ['fsync', 'fdatasync']) {
  const { [name]: real, [`${name}Sync`]: realSync } = fs
  fs[name] = (file, done) => setTimeout(() => real(file, done), extraMs)
  fs[`${name}Sync`] = (file) => {
    Atomics.wait(never, 0, 0, extraMs)
    realSync(file)
  }
}
syncBuiltinESMExports()
