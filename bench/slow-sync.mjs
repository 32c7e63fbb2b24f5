// Loaded before carryon by `node --import`: each sync of a file or a directory takes 50 ms more, as on a slow disk. The
// scratch folder lies in memory, where carryon would not let its syncs wait beside other work: so it is told of a disk.

import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const extraMs = 50
const diskType = 0xef53 // ext4
const never = new Int32Array(new SharedArrayBuffer(4))

for (const name of ['fsync', 'fdatasync']) {
  const { [name]: real, [`${name}Sync`]: realSync } = fs
  fs[name] = (file, done) => setTimeout(() => real(file, done), extraMs)
  fs[`${name}Sync`] = (file) => {
    Atomics.wait(never, 0, 0, extraMs)
    realSync(file)
  }
}
const { statfsSync } = fs
fs.statfsSync = (path, options) => Object.assign(statfsSync(path, options), { type: diskType })
syncBuiltinESMExports()
