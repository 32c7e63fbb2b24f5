// Time and chance as parameters. Engine code takes these; the simulator passes its own.

/** Milliseconds on a clock that never jumps. Only differences mean something. */
export type Millis = number

export interface Clock {
  /** Monotonic. */
  now(): Millis
  /** Wall time, ms since 1970: for expiry and display only. */
  wall(): number
  /** Calls back once after `delayMs`; the function returned cancels. Keeps the process alive. */
  after(delayMs: number, callback: () => void): () => void
}

export interface Random {
  /** `count` bytes nobody can guess. */
  bytes(count: number): Uint8Array
  /** Uniform in [0, 1): for jitter and sampling, not for secrets. */
  fraction(): number
}
