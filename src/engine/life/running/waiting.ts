// Waiting that can be called off: a promise with its two ends apart, and time that passes on the world's clock.

import type { Clock, Millis } from '../../../model/clock.ts'

/** A promise that is settled from elsewhere; the first settling counts. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(error: unknown): void
}

export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue
    reject = onError
  })
  promise.catch(() => {}) // Whoever awaits it hears of it; nobody has to.
  return { promise, resolve, reject }
}

/** Resolves after `delayMs`, or at once when `signal` aborts. `Infinity` waits for the signal alone. */
export function sleep(clock: Clock, delayMs: Millis, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const cancel = delayMs === Infinity ? () => {} : clock.after(delayMs, wake)
    signal.addEventListener('abort', wake)
    function wake(): void {
      cancel()
      signal.removeEventListener('abort', wake)
      resolve()
    }
  })
}

/** Resolves when `signal` aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
