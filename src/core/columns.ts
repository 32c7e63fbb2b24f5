// Columns of numbers that grow: what is kept of each entry, in bits and bytes instead of objects.

export type Column = Uint8Array | Uint16Array | Float64Array | BigUint64Array

/** How long a column is made that has to hold so many: twice as long as it was, for it will go on growing. */
export function roomFor(count: number, { length }: Column): number {
  return Math.max(1024, count, 2 * length)
}

/** A longer column with the same beginning. */
export function grown<Kind extends Column>(from: Kind, length: number): Kind {
  const to = new (from.constructor as new (length: number) => Kind)(length)
  to.set(from as never)
  return to
}
