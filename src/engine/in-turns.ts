// Runs tasks one after the other, in the order they were handed in.

/** Makes a queue: call it with a task, and it runs when all before it have ended; a task that fails stops nobody else. */
export function inTurns(): <T>(task: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (task) => {
    const mine = last.then(task, task)
    last = mine.catch(() => undefined)
    return mine
  }
}
