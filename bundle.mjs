// Bundles the command, its packages included, into dist/command: Node then reads a dozen files before the first byte goes out
// instead of some 350 (docs/decisions/0010). The library stays as tsc leaves it: a program that uses it shares its packages.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const bundle = await rolldown({
  cwd: fileURLToPath(new URL('.', import.meta.url)),
  input: { main: 'dist/cli/main.js' },
  platform: 'node',
  plugins: [{ name: 'licences', generateBundle: emitLicences }],
})
await bundle.write({
  dir: 'dist/command',
  cleanDir: true,
  chunkFileNames: '[name].js',
  comments: { legal: true, annotation: false, jsdoc: false },
})

/** What is copied into the bundle keeps its licence beside it. */
function emitLicences() {
  const folderOf = (file) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []
  const folders = new Set([...this.getModuleIds()].flatMap(folderOf))
  this.emitFile({ type: 'asset', fileName: 'licences.txt', source: [...folders].sort().map(licenceOf).join('\n') })
}

function licenceOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
  const text = file === undefined ? license : readFileSync(join(folder, file), 'utf8')
  return `---- ${name} ${version}\n\n${text.trim()}\n`
}
