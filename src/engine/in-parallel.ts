// Runs tasks side by side, and lets none of them outlive the call.

/** Acts on each item, on `count` of them at a time. Returns, or throws the first fault, once nothing of it is under way any more. */
export async function inParallel<T>(
  count: number,
  items: readonly T[],
  act: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items]
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await act(item)
  }
  const workers = await Promise.allSettled(Array.from({ length: count }, worker))
  const failed = workers.find((it) => it.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
