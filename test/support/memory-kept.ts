// How many bytes of memory something takes that a test makes: what its columns hold, and what all other objects do.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

export interface MemoryKept {
  /** Exact. */
  readonly columns: number
  /** About: what is collected meanwhile counts against it. */
  readonly objects: number
}

export function memoryKept(make: () => object): MemoryKept {
  make() // What is compiled the first time is no part of it.
  const before = used()
  const made = [make()]
  const { columns, objects } = used()
  made.pop() // Until here it was kept.
  return { columns: columns - before.columns, objects: objects - before.objects }
}

function used(): MemoryKept {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect() // What the first one found, another thread gives back; the second one waits for it.
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return { columns: arrayBuffers, objects: heapUsed }
}
