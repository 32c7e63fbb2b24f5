// A file of tests with all the sources it takes, as one function: called again, everything in it is new. Packages are not in
// it: what they say when they are loaded is not what is tested.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Script } from 'node:vm'
import { rolldown } from 'rolldown'

/** Bundled once, kept for the next process. @returns the function: it takes what loads a package */
export async function evaluatorOf(file, directory) {
  const kept = join(directory, `${file.replaceAll('/', '-')}.js`)
  mkdirSync(directory, { recursive: true })
  if (!existsSync(kept)) writeFileSync(kept, await bundled(file))
  return new Script(readFileSync(kept, 'utf8'), { filename: kept }).runInThisContext()
}

async function bundled(file) {
  const bundle = await rolldown({
    input: file,
    platform: 'node',
    transform: { target: 'es2022' }, // Node 20 knows no `await using`.
    external: (id) => /^(node:|[a-z]|@vitest\/)/.test(id),
    plugins: [{ name: 'place', transform: placed }],
  })
  const { output } = await bundle.generate({ format: 'es', codeSplitting: false })
  return asFunction(counted(output[0].code))
}

/** Where the mutated sources ask which mutant is active, steps are counted, and too many of them are an end. */
function counted(code) {
  const limited = "if (++ns.steps > ns.stepLimit) { ns.isEndless = true; throw new Error('too many steps') }"
  return code.replaceAll('function isActive(id) {', `$& ${limited}`)
}

/** In a bundle, too, a file knows where it was. */
function placed(code, id) {
  return code.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href))
}

const imports = [
  [/^import \{([^}]*)\} from ("[^"]+");$/gm, (_, names, from) => constant(`{${names.replaceAll(' as ', ': ')}}`, from)],
  [/^import \* as (\S+) from ("[^"]+");$/gm, (_, name, from) => constant(name, from)],
  [/^import (\S+) from ("[^"]+");$/gm, (_, name, from) => constant(`{ default: ${name} }`, from)],
  [/^import ("[^"]+");$/gm, 'await load($1);'],
  [/^export \{[^}]*\};$/gm, ''],
]

const constant = (names, from) => `const ${names} = await load(${from});`

/** A module's text, as rolldown writes it, as that of a function that is handed what it imports. */
function asFunction(code) {
  const body = imports.reduce((text, [pattern, written]) => text.replaceAll(pattern, written), code)
  return `(async (load) => {${body}\n})`
}
