// Several ways to one goal, tried in order without waiting for each to fail: Happy Eyeballs (RFC 8305, section 5).

/** One way: resolves with the goal, or rejects. Must give up when `signal` aborts. */
export type Way<Goal> = (signal: AbortSignal) => Promise<Goal>

/**
 * Starts one way after the other, `staggerMs` apart or as soon as an earlier one failed. The first to succeed wins; the
 * others are aborted, and a goal that one of them still reaches goes to `discard`.
 * @throws AggregateError with the error of each way, in their order; `signal.reason` where that aborted
 */
export function firstToSucceed<Goal>(
  ways: readonly Way<Goal>[],
  { staggerMs, signal, discard }: { staggerMs: number; signal: AbortSignal; discard: (goal: Goal) => void },
): Promise<Goal> {
  return new Promise((resolve, reject) => {
    const controllers: AbortController[] = []
    const errors: unknown[] = []
    let failures = 0
    let isOver = false
    let timer: NodeJS.Timeout | undefined

    const finish = (settle: () => void) => {
      if (isOver) return
      isOver = true
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      settle()
      for (const controller of controllers) controller.abort()
    }
    const abort = () => finish(() => reject(signal.reason as Error))

    const startNext = () => {
      clearTimeout(timer)
      const index = controllers.length
      const way = ways[index]
      if (isOver || way === undefined) return
      const controller = new AbortController()
      controllers.push(controller)
      timer = setTimeout(startNext, staggerMs)
      way(controller.signal).then(
        (goal) => (isOver ? discard(goal) : finish(() => resolve(goal))),
        (error: unknown) => {
          errors[index] = error
          failures += 1
          if (failures === ways.length) finish(() => reject(new AggregateError(errors)))
          else startNext()
        },
      )
    }

    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort)
    if (ways.length === 0) return finish(() => reject(new AggregateError([])))
    startNext()
  })
}
