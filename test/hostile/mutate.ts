// Changes bytes and texts as chance has it: what a fuzzer does to golden inputs.

type Chance = () => number

const below = (chance: Chance, count: number): number => Math.floor(chance() * count)
const edges = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]

/** One to eight changes: bits, bytes, little-endian numbers at their edges, pieces cut, doubled, moved, taken from `others`. */
export function mutated(bytes: Uint8Array, others: readonly Uint8Array[], chance: Chance): Uint8Array {
  let result = Buffer.from(bytes)
  for (let changes = 1 + below(chance, 8); changes > 0; changes--) result = change(result, others, chance)
  return result
}

function change(bytes: Buffer, others: readonly Uint8Array[], chance: Chance): Buffer<ArrayBuffer> {
  const at = below(chance, bytes.length + 1)
  const length = below(chance, Math.min(64, bytes.length - at + 1))
  const [before, piece, after] = [bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at + length)]
  switch (below(chance, 8)) {
    case 0: {
      const copy = Buffer.from(bytes)
      if (at < copy.length) copy[at]! ^= 1 << below(chance, 8)
      return copy
    }
    case 1: {
      const copy = Buffer.from(bytes)
      const number = edges[below(chance, edges.length)]!
      if (at + 4 <= copy.length) copy.writeUInt32LE(number, at)
      return copy
    }
    case 2:
      return Buffer.concat([before, after])
    case 3:
      return Buffer.concat([before, piece, piece, after])
    case 4:
      return Buffer.concat([before, Buffer.from([below(chance, 256)]), after])
    case 5: {
      const other = others[below(chance, others.length)]!
      const from = below(chance, other.length + 1)
      return Buffer.concat([before, other.subarray(from, from + 1 + below(chance, 64)), after])
    }
    case 6:
      return Buffer.from(bytes.subarray(0, at))
    default:
      return Buffer.concat([before, Buffer.alloc(1 + below(chance, 200), below(chance, 256)), after])
  }
}

const numbers = [
  '0',
  '1',
  '-1',
  '2',
  '65535',
  '4294967296',
  '9007199254740991',
  '9007199254740993',
  '0.5',
  '1e309',
  '-0',
]
const strings = ['""', '"a"', '"\\ud800"', '"__proto__"', '"sender"', '"..."', '"0000000000000000"', '"\\u0000"']
const anything = [...numbers, ...strings, 'null', 'true', '[]', '{}', '[[[]]]', '', '[0,1]', '{"kind":0}']
const value = /-?\d[\d.e+-]*|"(?:[^"\\]|\\.)*"|true|false|null/g
const token = /-?\d[\d.e+-]*|"(?:[^"\\]|\\.)*"|true|false|null|[[\]{},:]/g

/** A JSON text with one to three of its values replaced, mostly by their like, or its form broken; often JSON still. */
export function mutatedJson(text: string, others: readonly string[], chance: Chance): string {
  let result = text
  for (let changes = 1 + below(chance, 3); changes > 0; changes--) {
    const found = [...result.matchAll(chance() < 0.9 ? value : token)]
    const old = found[below(chance, found.length)]
    if (old === undefined) return result
    const theirs = [...others[below(chance, others.length)]!.matchAll(value)].map(([it]) => it)
    const like = /^[-\d]/.test(old[0]) ? numbers : old[0].startsWith('"') ? [...strings, ...theirs] : anything
    const choices = chance() < 0.8 ? like : anything
    result =
      result.slice(0, old.index) + choices[below(chance, choices.length)]! + result.slice(old.index + old[0].length)
  }
  return result
}
