// Entries with bytes to send, in the order they were wanted, kept as runs; those that must not wait come first.

export class Queue {
  #front: number[] = []
  #runs: { next: number; end: number }[] = []

  /** The next entry, or undefined. */
  first(): number | undefined {
    return this.#front[0] ?? this.#runs[0]?.next
  }

  shift(): void {
    if (this.#front.shift() !== undefined) return
    const run = this.#runs[0]
    if (run !== undefined && ++run.next === run.end) this.#runs.shift()
  }

  add(entry: number): void {
    const last = this.#runs[this.#runs.length - 1]
    if (last?.end === entry) last.end++
    else this.#runs.push({ next: entry, end: entry + 1 })
  }

  /** Puts an entry before all others, unless it is there already. */
  addFirst(entry: number): void {
    if (this.first() !== entry && !this.#front.includes(entry)) this.#front.push(entry)
  }

  clear(): void {
    this.#front = []
    this.#runs = []
  }
}
