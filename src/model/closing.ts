// Letting go of several things of which each may fail to close.

/** Closes all of them, one after the other, whatever any of them says; then throws what the first one said that failed. */
export async function closeAll(things: Iterable<{ close(): Promise<void> }>): Promise<void> {
  const faults: unknown[] = []
  for (const thing of things) await thing.close().catch((error: unknown) => faults.push(error))
  if (faults.length > 0) throw faults[0]
}
