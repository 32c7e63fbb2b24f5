// xxh64 written straight from its specification (Cyan4973/xxHash, doc/xxhash_spec.md), with seed 0 and big integers: slow,
// plain, and of another hand than the one we ship.

const primes = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x27d4eb2f165667c5n,
] as const
const [p1, p2, p3, p4, p5] = primes

export function naiveXxh64(bytes: Uint8Array): bigint {
  let at = 0
  let sum: bigint = p5
  if (bytes.length >= 32) {
    const lanes = [u64(p1 + p2), p2, 0n, u64(-p1)]
    for (; at + 32 <= bytes.length; at += 32)
      for (let lane = 0; lane < 4; lane++) lanes[lane] = round(lanes[lane]!, little(bytes, at + lane * 8, 8))
    sum = u64(rotate(lanes[0]!, 1) + rotate(lanes[1]!, 7) + rotate(lanes[2]!, 12) + rotate(lanes[3]!, 18))
    for (const lane of lanes) sum = u64((sum ^ round(0n, lane)) * p1 + p4)
  }
  sum = u64(sum + BigInt(bytes.length))
  for (; at + 8 <= bytes.length; at += 8) sum = u64(rotate(sum ^ round(0n, little(bytes, at, 8)), 27) * p1 + p4)
  for (; at + 4 <= bytes.length; at += 4) sum = u64(rotate(sum ^ u64(little(bytes, at, 4) * p1), 23) * p2 + p3)
  for (; at < bytes.length; at++) sum = u64(rotate(sum ^ u64(little(bytes, at, 1) * p5), 11) * p1)
  sum = u64((sum ^ (sum >> 33n)) * p2)
  sum = u64((sum ^ (sum >> 29n)) * p3)
  return sum ^ (sum >> 32n)
}

function round(lane: bigint, word: bigint): bigint {
  return u64(rotate(u64(lane + word * p2), 31) * p1)
}

function rotate(value: bigint, bits: number): bigint {
  return u64((value << BigInt(bits)) | (value >> BigInt(64 - bits)))
}

function little(bytes: Uint8Array, at: number, length: number): bigint {
  let value = 0n
  for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i]!)
  return value
}

function u64(value: bigint): bigint {
  return BigInt.asUintN(64, value)
}
