// Net 3 of three (CONTRIBUTING.md): imports follow the arrows of docs/architecture.md, documents and code agree, files and
// functions stay short enough to be read. It reads the checkout; it runs none of the code it reads.

import { spawnSync } from 'node:child_process'
import { basename, dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  asyncWordsOf,
  exists,
  filesBelow,
  functionsOf,
  importsOf,
  kindsOf,
  lineAt,
  membersOfInterface,
  parse,
  projectFiles,
  reexports,
  testsOf,
  textOf,
  top,
  type LongThing,
  type Source,
} from './support/source-code.ts'

/** The arrows: what each part of src may import besides itself. `node:` stands for all of Node's modules. */
const below = ['model', 'errors']
const mayImport: Record<string, readonly string[]> = {
  errors: [],
  model: ['errors'],
  core: below,
  wire: [...below, 'zod'],
  hash: [...below, 'xxhash-wasm'],
  store: [...below, 'node:'],
  source: [...below, 'node:', 'ignore'],
  transport: [...below, 'node:', 'ws'],
  engine: [...below, 'node:', 'core', 'wire', 'hash', 'store', 'source', 'transport'],
  index: [...below, 'node:', 'engine', 'zod'], // zod: the schemas of events and options.
  cli: ['errors', 'index', 'node:', 'zod', 'yargs', 'yargs-parser', 'cli-progress'],
}

/** The rooms of the engine, each above those before it. */
const rooms = ['src/engine', 'known', 'running', 'roads', 'serving', 'managing', 'src/engine/life']
const roomOf = (file: string): number => rooms.indexOf(dirname(file).replace(/^src\/engine\/life\//, ''))

/** A file may be longer if its first comment says why with these words. */
const linesMax = 400
const excuse = `longer than ${linesMax} lines because`

/**
 * Functions of src longer than this are looked at once. One that is right as it is enters the list below with its
 * reason, `'src/core/example.ts example': 'one table, read from top to bottom'`; length is a mirror, not a fence.
 */
const functionLinesMax = 70
const longForAReason: Record<string, string> = {}

/** Stands for kinds of newer peers; it is never on the wire itself. */
const notOnTheWire = ['skippable']

const project = projectFiles()
const documents = project.filter((file) => file.endsWith('.md'))
const code = project.filter((file) => /\.(ts|mjs|js)$/.test(file) && !file.startsWith('fixtures/'))
const sources = filesBelow('src').filter((file) => file.endsWith('.ts'))
const parsed = new Map<string, Source>()

describe('direction', () => {
  it.each(sources)('%s imports only what lies below it', (file) => {
    const own = layerOf(file)
    expect(Object.keys(mayImport), 'every part of src has a line in the table of arrows').toContain(own)
    const allowed = [own, ...(mayImport[own] ?? [])]
    expect(importsOf(sourceOf(file)).filter((name) => !allowed.includes(layerOf(name)))).toEqual([])
  })

  it.each(sources.filter((file) => file.startsWith('src/engine/')))(
    '%s imports only its room and those below',
    (file) => {
      const own = roomOf(file)
      expect(own, 'every folder of src/engine/life is a room of the list').toBeGreaterThanOrEqual(0)
      expect(importsOf(sourceOf(file)).filter((name) => name.startsWith('src/engine/') && roomOf(name) > own)).toEqual(
        [],
      )
    },
  )

  it('reads imports in every form', () => {
    const forms = [
      `import { a } from '../wire/a.ts'`,
      `import type { B } from '../wire/b.ts'`,
      `import '../wire/c.ts'`,
      `export * from '../wire/d.ts'`,
      `export { e } from '../wire/e.ts'`,
      `export type F = import('../wire/f.ts').F`,
      `const g = import('../wire/g.ts')`,
      `import h = require('../wire/h.ts')`,
      `import i from '@types/i/deep.js'`,
      `import { j } from 'node:fs/promises'`,
    ]
    const wire = 'abcdefgh'.split('').map((name) => `src/wire/${name}.ts`)
    expect(importsOf(parse('src/core/sample.ts', forms.join('\n')))).toEqual([...wire, '@types/i', 'node:'])
  })

  it('R65: only the confined root, the state directory, and what reads the files that a command line names, take paths', () => {
    const raw = /\b(?:from|import|require)\b\s*\(?\s*['"](?:node:)?(?:fs|fs\/promises|path)['"]/
    const takesPaths = sources.filter((file) => raw.test(textOf(file)))
    expect(
      takesPaths.filter((file) => !/^src\/(store\/(node-|real-path|state-directory)|cli\/user-files)/.test(file)),
    ).toEqual([])
    for (const form of [`import * as x from 'fs'`, `await import("node:fs/promises")`, `require('path')`])
      expect(form).toMatch(raw)
  })

  it('only index.ts re-exports', () => {
    expect(sources.filter((file) => file !== 'src/index.ts' && reexports(sourceOf(file)))).toEqual([])
  })

  it('end-to-end tests come in through the door', () => {
    const doors = ['src/index.ts', 'src/errors.ts', 'src/model/ticket.ts'] // A wrong ticket has to be made somehow.
    const inward = code
      .filter((file) => file.startsWith('test/e2e/'))
      .flatMap((file) => importsOf(sourceOf(file)).map((name) => `${file}: ${name}`))
      .filter((line) => line.includes(': src/') && !doors.some((door) => line.endsWith(`: ${door}`)))
    expect(inward).toEqual([])
  })

  it('packages of package.json are the ones in the table', () => {
    const { dependencies } = JSON.parse(textOf('package.json')) as { dependencies: Record<string, string> }
    const named = Object.values(mayImport).flat()
    expect(Object.keys(dependencies).filter((name) => !named.includes(name))).toEqual([])
  })
})

describe('the core', () => {
  it.each(sources.filter((file) => layerOf(file) === 'core'))('%s waits for nothing and promises nothing', (file) => {
    expect(asyncWordsOf(sourceOf(file))).toEqual([])
  })

  it('would be caught waiting', () => {
    const words = ['async () => {}', 'await 1', 'for await (const x of []) x', 'Promise.resolve()', 'let p: Promise<1>']
    for (const word of words) expect(asyncWordsOf(parse('src/core/sample.ts', word)), word).not.toEqual([])
  })
})

describe('documents agree with code', () => {
  const errorCodes = exists('src/errors.ts') ? membersOfInterface(sourceOf('src/errors.ts'), 'ErrorDetails') : []
  const messageKinds = kindsOfUnion('src/model/messages.ts', 'Message').filter((kind) => !notOnTheWire.includes(kind))
  const recordKinds = kindsOfUnion('src/model/records.ts', 'JournalRecord')

  it('finds the codes and kinds it checks', () => {
    const found = { errorCodes: errorCodes.length, messageKinds: messageKinds.length, recordKinds: recordKinds.length }
    expect(Object.entries(found).filter(([, count]) => count === 0)).toEqual([])
  })

  it('each error code has a heading in docs/errors.md', () => {
    expect(errorCodes.filter((code) => !isInHeading('docs/errors.md', code))).toEqual([])
  })

  it('each message kind has a section in docs/protocol.md', () => {
    expect(messageKinds.filter((kind) => !isInHeading('docs/protocol.md', kind))).toEqual([])
  })

  it('each message kind has a golden file in fixtures/wire/', () => {
    const names = filesBelow('fixtures/wire').map((file) => file.split('/').at(-1) ?? '')
    expect(messageKinds.filter((kind) => !names.some((name) => new RegExp(`^${kind}[.-]`).test(name)))).toEqual([])
  })

  it('each record kind is told in docs/journal.md', () => {
    expect(recordKinds.filter((kind) => !readIfThere('docs/journal.md').includes(`\`${kind}\``))).toEqual([])
  })

  it('scripts named in the documents exist', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> }
    const missing = documents.flatMap((file) =>
      [...textOf(file).matchAll(/\bnpm (?:run(?:-script)? (?:-s )?([a-z][\w:-]*)|(test|start)\b)/g)]
        .map((match) => match[1] ?? match[2] ?? '')
        .filter((script) => !(script in scripts))
        .map((script) => `${file}: npm run ${script}`),
    )
    expect(missing).toEqual([])
  })

  it('the figures of docs/performance.md are those of bench/results', () => {
    const { status, stderr } = spawnSync(process.execPath, ['bench/run.mjs', 'page', '--check'], { cwd: top })
    expect(status, String(stderr)).toBe(0)
  })

  it('local links point to something', () => {
    const broken = documents.flatMap((file) =>
      linksOf(textOf(file))
        .filter((link) => !/^([a-z]+:|#)/i.test(link))
        .filter((link) => !exists(join(dirname(file), decodeURIComponent(link.replace(/[#?].*$/s, '')))))
        .map((link) => `${file}: ${link}`),
    )
    expect(broken).toEqual([])
  })

  it('docs/architecture.md has at most 200 lines', () => {
    expect(textOf('docs/architecture.md').split('\n').length - 1).toBeLessThanOrEqual(200)
  })
})

describe('tests and documents', () => {
  const tests = new Map(
    code.filter((file) => /^test\/.*(\.test|-suite)\.ts$/.test(file)).map((file) => [file, testsOf(sourceOf(file))]),
  )
  const isTest = (file: string, title: string): boolean =>
    tests.get(file)?.some((test) => test === title || test.endsWith(` > ${title}`)) === true

  it('finds titles in every form', () => {
    const forms = [
      "describe.each(all)('a %s', () => { it.skipIf(no)('b', f) })",
      'it.each`c`(`d ${e}`, f)',
      "it('f’s', g)",
    ]
    expect(testsOf(parse('test/sample.test.ts', forms.join('\n')))).toEqual(['a %s > b', 'd ${e}', 'f’s'])
  })

  it('every test that a document names exists', () => {
    const named = documents.flatMap((file) => testsNamedIn(textOf(file)).map((test) => ({ file, ...test })))
    expect(named.length).toBeGreaterThan(0)
    expect(named.filter((test) => !isTest(`test/${test.in}`, test.title))).toEqual([])
  })

  it('every mutant applies to the sources as they are', () => {
    const patches = filesBelow('test/mutants').filter((file) => file.endsWith('.patch'))
    const { GIT_CEILING_DIRECTORIES = dirname(top) } = process.env // Or a repository above a copy is taken for this one.
    const env = { ...process.env, GIT_CEILING_DIRECTORIES }
    const applies = (patch: string): boolean =>
      spawnSync('git', ['apply', '--check', patch], { cwd: top, env }).status === 0
    expect(patches.length).toBeGreaterThan(0)
    expect(patches.filter((patch) => !applies(patch))).toEqual([])
  })

  it('R110: docs/promises.md says of everything that breaks what is guaranteed, and names a test for each guarantee', () => {
    const [overview = '', ...sections] = textOf('docs/promises.md').split(/^## /m)
    const breaks = [...overview.matchAll(/^\| \[(.*?)\]\(#/gm)].map(([, name]) => name?.toLowerCase())
    const rows = sections.map((section) => ({
      name: section.split('\n')[0]?.toLowerCase(),
      rows: section.split('\n').filter((line) => /^\| (?!guarantee|---)/.test(line)),
    }))
    expect(breaks.length).toBeGreaterThan(0)
    for (const broken of breaks) {
      const found = rows.find(({ name }) => name === broken)?.rows ?? []
      expect(found.filter((row) => testsNamedIn(row).length === 0)).toEqual([])
      const said = found.map((row) => row.split('|')[1]?.split(':')[0]).join()
      for (const guarantee of ['kept', 'whole', 'goes on', 'sent again']) expect(said, broken).toContain(guarantee)
    }
  })

  it('R103: every reproduction in test/regress has its row in docs/museum.md', () => {
    const rows = testsNamedIn(textOf('docs/museum.md'))
    const untold = [...tests]
      .filter(([file]) => file.startsWith('test/regress/'))
      .flatMap(([file, titles]) => titles.map((title) => ({ in: file.slice('test/'.length), title })))
      .filter((test) => !rows.some((row) => row.in === test.in && test.title.endsWith(row.title)))
    expect(untold).toEqual([])
  })

  it('R103: each patch that takes a mend away is named in the row of the bug, beside the test it must turn red', () => {
    const rows = textOf('docs/museum.md').split('\n')
    const patches = filesBelow('test/mutants/museum').map((file) => ({ file, name: basename(file, '.patch') }))
    const namedIn = (row: string): string[] => row.match(/(?<=, red on .*`)[\w-]+(?=`)/g) ?? []
    expect(rows.flatMap(namedIn).toSorted()).toEqual(patches.map(({ name }) => name).toSorted())
    for (const { file, name } of patches) {
      const told = testsNamedIn(rows.find((row) => namedIn(row).includes(name)) ?? '').map((test) => test.in)
      for (const [, test] of textOf(file).matchAll(/^Test: test\/(\S+)/gm)) expect(told, name).toContain(test)
    }
  })

  it('R104: each requirement that sources or documents name is named by a test, too', () => {
    const namesIn = (text: string): string[] => text.match(/\bR\d{1,3}\b/g) ?? []
    const tested = new Set([...tests.values()].flat().flatMap(namesIn))
    const named = new Set([...sources, ...documents].flatMap((file) => namesIn(textOf(file))))
    named.delete('R106') // The score of `npm run mutation`.
    expect([...named].filter((name) => !tested.has(name))).toEqual([])
  })
})

describe('house style', () => {
  it('each file opens with what it owns', () => {
    // A test's titles are its promise; all else says what it is for.
    const silent = code.filter((file) => {
      if (file.endsWith('.test.ts')) return false
      const { comments, text } = sourceOf(file)
      const first = comments[0]
      return (
        first === undefined ||
        text
          .slice(0, first.start)
          .replace(/^#!.*\n/, '')
          .trim() !== ''
      )
    })
    expect(silent).toEqual([])
  })

  it('whoever leaves work behind names its issue', () => {
    // Written so that this file does not find itself.
    const leftBehind = new RegExp(`\\b(${'TO' + 'DO'}\\b(?!.*#\\d)|${'FIX' + 'ME'}\\b)`)
    const found = [...code, ...project.filter((file) => file.startsWith('.ci/'))].flatMap((file) =>
      textOf(file)
        .split('\n')
        .flatMap((line, index) => (leftBehind.test(line) ? `${file}:${index + 1}` : [])),
    )
    expect(found).toEqual([])
  })

  it(`files above ${linesMax} lines say why`, () => {
    const files = code.map((name) => ({ name, lines: lineAt(sourceOf(name).text, sourceOf(name).text.length) - 1 }))
    printLongest('files', files)
    const silent = files.filter(({ name, lines }) => lines > linesMax && !openingOf(sourceOf(name)).includes(excuse))
    expect(silent).toEqual([])
  })

  it(`functions above ${functionLinesMax} lines are known`, () => {
    const functions = sources.flatMap((file) => functionsOf(sourceOf(file)))
    printLongest('functions', functions)
    const grown = functions.filter(({ name, lines }) => lines > functionLinesMax && !(name in longForAReason))
    expect(grown).toEqual([])
  })

  it('no merge was left half done', () => {
    const marked = [...code, ...documents].filter((file) => /^(<{7}|>{7})( |$)/m.test(textOf(file)))
    expect(marked).toEqual([])
  })

  it('nothing names a path of one machine, or the registry it was installed from', () => {
    const texts = project.filter((file) => !file.startsWith('fixtures/'))
    const ofAMachine = /(?<![\w.~-])\/(work|root|Users|home\/(?!you\b|me\b|user\b|alice\b|bob\b)\w+)\//
    const found = texts.flatMap((file) =>
      textOf(file)
        .split('\n')
        .flatMap((line, index) => (ofAMachine.test(line) ? `${file}:${index + 1}: ${line.trim().slice(0, 80)}` : [])),
    )
    expect(found).toEqual([])
    expect(textOf('package-lock.json')).not.toMatch(/"resolved": "http/)
  })

  it('the lockfile has every platform', () => {
    // npm leaves out what its registry has no copy of, and then refuses its own lockfile: npm/cli#9846.
    const { packages } = JSON.parse(textOf('package-lock.json')) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>
    }
    const optional = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}))
    expect(optional.filter((name) => !(`node_modules/${name}` in packages))).toEqual([])
  })
})

/** Parsed once, when first asked for: a file half written fails the tests that read it, not all. */
function sourceOf(file: string): Source {
  const source = parsed.get(file) ?? parse(file)
  parsed.set(file, source)
  return source
}

/** The part of src that a file belongs to; a package or a file from elsewhere is a layer of its own. */
function layerOf(name: string): string {
  const part = /^src\/([^/]+?)(\.ts)?(\/|$)/.exec(name)
  return part?.[1] ?? name
}

function kindsOfUnion(file: string, union: string): string[] {
  return exists(file) ? kindsOf(sourceOf(file), union) : []
}

/** Either the whole heading is the word, or the heading has it in backticks: "### `pause`, `discard`". */
function isInHeading(file: string, word: string): boolean {
  const headings = readIfThere(file)
    .split('\n')
    .filter((line) => /^#{1,6} /.test(line))
  return headings.some((line) => line.includes(`\`${word}\``) || line.replace(/^#+ /, '').trim() === word)
}

/** A document not yet written names nothing: its test is red, and says what is missing. */
function readIfThere(file: string): string {
  return exists(file) ? textOf(file) : ''
}

/** Tests named as `unit/core/window.test.ts > title`: files are below test/, and groups may be left out. */
function testsNamedIn(markdown: string): { readonly in: string; readonly title: string }[] {
  const named = markdown.matchAll(/(`+)([\w/-]+(?:\.test|-suite)\.ts) > (.+?)\1/g)
  return [...named].map(([, , file, title]) => ({ in: file ?? '', title: title ?? '' }))
}

/** Targets of inline and reference links, outside of code. */
function linksOf(markdown: string): string[] {
  const prose = markdown.replace(/^(```|~~~).*?^\1/gms, '').replace(/`[^`\n]*`/g, '')
  const inline = [...prose.matchAll(/\]\(\s*<?([^)\s>]+)/g)]
  const references = [...prose.matchAll(/^\[[^\]]+\]:\s*<?(\S+?)>?$/gm)]
  return [...inline, ...references].map((match) => match[1] ?? '')
}

/** The first comment, however many `//` lines it has. */
function openingOf({ text }: Source): string {
  return /^(#!.*\n)?((\s*\/\/.*\n)+|\s*\/\*[\s\S]*?\*\/)/.exec(text)?.[0].replace(/\n\s*(\/\/|\*)/g, '') ?? ''
}

function printLongest(what: string, things: LongThing[]): void {
  const longest = things.toSorted((a, b) => b.lines - a.lines).slice(0, 10)
  console.log([`The ten longest ${what}:`, ...longest.map(({ name, lines }) => `${lines}\t${name}`)].join('\n'))
}
