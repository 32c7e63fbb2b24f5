// Reads this checkout as text and as syntax trees, for test/tidy.test.ts: which files there are, what they import, how
// long their functions are, which kinds a union of messages has. Trees are those of vite's parser (ESTree with TypeScript).

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'vite'

/** The top of the checkout. All file names here are relative to it. */
export const top = fileURLToPath(new URL('../..', import.meta.url))

/** A node of the tree. Fields differ by type; what is read here is checked where it is read. */
export interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

export interface Source {
  readonly file: string
  readonly text: string
  readonly nodes: readonly Node[]
  readonly comments: readonly { readonly value: string; readonly start: number }[]
}

export interface LongThing {
  readonly name: string
  readonly lines: number
}

export const exists = (file: string): boolean => existsSync(join(top, file))
export const textOf = (file: string): string => readFileSync(join(top, file), 'utf8')

/** What git knows of the project, plus what is new and not ignored: a file counts before its commit. */
export function projectFiles(): string[] {
  if (!exists('.git')) return filesBelow('.').filter((file) => !/(^|\/)(node_modules|dist|coverage)\//.test(file))
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate']
  const listed = execFileSync('git', args, { cwd: top, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  return listed
    .split('\0')
    .filter((file) => file !== '' && exists(file)) // Listed though deleted: git hears of it at the next commit.
    .sort()
}

/** All files below a folder, git or no git. */
export function filesBelow(folder: string): string[] {
  if (!exists(folder)) return []
  return readdirSync(join(top, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(top, join(entry.parentPath, entry.name)))
    .sort()
}

/** @throws where the file is no TypeScript or JavaScript. */
export function parse(file: string, text: string = textOf(file)): Source {
  const { program, comments, errors } = parseSync(file, text, { sourceType: 'module' })
  if (errors.length > 0) throw new SyntaxError(`${file}: ${errors[0]?.message}`)
  return { file, text, nodes: [...everyNode(program as unknown as Node)], comments }
}

/** What a file imports, types and re-exports included: packages by name, files relative to the top. */
export function importsOf(source: Source): string[] {
  return source.nodes.flatMap((node) => {
    const from = node.type === 'TSExternalModuleReference' ? node['expression'] : node['source']
    if (!isNode(from) || from.type !== 'Literal') return []
    const name = String(from['value'])
    return name.startsWith('.') ? join(dirname(source.file), name) : packageOf(name)
  })
}

/** Whether the file hands on what another one exports. */
export function reexports(source: Source): boolean {
  return source.nodes.some((node) => node.type.startsWith('Export') && isNode(node['source']))
}

/** Words that make a function wait or promise; the core has none of them. */
export function asyncWordsOf(source: Source): string[] {
  return source.nodes.flatMap((node) => {
    const isAsync = node['async'] === true || node['await'] === true || node.type === 'AwaitExpression'
    const isPromise = node.type === 'Identifier' && /^Promise(Like)?$/.test(String(node['name']))
    return isAsync || isPromise ? `line ${lineAt(source.text, node.start)}: ${isPromise ? 'Promise' : 'async'}` : []
  })
}

/** The file's functions with a body, each with the name it is called by. */
export function functionsOf(source: Source): LongThing[] {
  const names = new Map<unknown, string>()
  for (const node of source.nodes) {
    const named = node['key'] ?? node['id']
    if (isNode(named)) names.set(node['value'] ?? node['init'], nameOf(named))
  }
  return source.nodes
    .filter((node) => /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type))
    .map((node) => {
      const name = isNode(node['id']) ? nameOf(node['id']) : (names.get(node) ?? 'anonymous')
      const lines = lineAt(source.text, node.end) - lineAt(source.text, node.start) + 1
      return { name: `${source.file} ${name}`, lines }
    })
}

/** The literal values of `kind` over all members of a union type, through the aliases and interfaces of its file. */
export function kindsOf(source: Source, union: string): string[] {
  const declared = new Map<string, Node>()
  for (const node of source.nodes) {
    if (/^TS(TypeAlias|Interface)Declaration$/.test(node.type)) declared.set(nameOf(node['id'] as Node), node)
  }
  const literals = (type: Node): string[] => {
    if (type.type === 'TSUnionType') return (type['types'] as Node[]).flatMap(literals)
    return type.type === 'TSLiteralType' ? [String((type['literal'] as Node)['value'])] : []
  }
  const kinds = (type: unknown): string[] => {
    if (!isNode(type)) return []
    if (type.type === 'TSTypeReference') return kinds(declared.get(nameOf(type['typeName'] as Node)))
    if (type.type === 'TSTypeAliasDeclaration') return kinds(type['typeAnnotation'])
    if (type.type === 'TSInterfaceDeclaration') return membersOf(type['body'] as Node).flatMap(kindOfMember)
    if (type.type === 'TSTypeLiteral') return membersOf(type).flatMap(kindOfMember)
    if (/^TS(Union|Intersection)Type$/.test(type.type)) return (type['types'] as Node[]).flatMap(kinds)
    return []
  }
  const kindOfMember = (member: Node): string[] => {
    if (member.type !== 'TSPropertySignature' || nameOf(member['key'] as Node) !== 'kind') return []
    return literals((member['typeAnnotation'] as Node)['typeAnnotation'] as Node)
  }
  return [...new Set(kinds(declared.get(union)))]
}

/** The names of an interface's members. */
export function membersOfInterface(source: Source, name: string): string[] {
  return source.nodes
    .filter((node) => node.type === 'TSInterfaceDeclaration' && nameOf(node['id'] as Node) === name)
    .flatMap((node) => membersOf(node['body'] as Node).map((member) => nameOf(member['key'] as Node)))
}

/** The titles of a file's tests as they are written, each behind those of the groups it is in: `a group > does this`. */
export function testsOf(source: Source): string[] {
  const titled = source.nodes.flatMap((node) => {
    const [title] = (node.type === 'CallExpression' ? node['arguments'] : []) as Node[]
    const word = title === undefined ? '' : firstWordOf(node)
    if (title === undefined || !['it', 'describe'].includes(word)) return []
    const isText = title.type === 'TemplateLiteral' || typeof title['value'] === 'string'
    return isText ? [{ node, word, text: source.text.slice(title.start + 1, title.end - 1) }] : []
  })
  const isAround = (outer: Node, { start, end }: Node): boolean => outer.start < start && end < outer.end
  return titled
    .filter(({ word }) => word === 'it')
    .map((test) => {
      const groups = titled.filter(({ node, word }) => word === 'describe' && isAround(node, test.node))
      return [...groups, test].map(({ text }) => text.replaceAll('\\', '')).join(' > ')
    })
}

/** What a chain of calls and members begins with: `it` of `it.each(table)('title', ...)`. */
function firstWordOf(node: Node): string {
  const before = node['callee'] ?? node['object'] ?? node['tag']
  return isNode(before) ? firstWordOf(before) : String(node['name'])
}

export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

function* everyNode(value: unknown): Generator<Node> {
  if (Array.isArray(value)) {
    for (const item of value) yield* everyNode(item)
  } else if (isNode(value)) {
    yield value
    for (const field of Object.values(value)) yield* everyNode(field)
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'
}

function membersOf(body: Node): Node[] {
  return (body['body'] ?? body['members']) as Node[]
}

function nameOf(node: Node): string {
  const { name, value } = node // An identifier has the one, a quoted key the other.
  if (typeof name === 'string') return name
  return typeof value === 'string' ? value : 'computed'
}

function packageOf(name: string): string {
  if (name.startsWith('node:')) return 'node:'
  return name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/')
}
