// Two network namespaces with a cable between them, `near` and `far`, that can be pulled, made deaf one way or slow. What a
// process of `within(end)` knows of the network is this cable and its own loopback. Needs root, ip and nft.

import { execFileSync } from 'node:child_process'

export type NetworkEnd = 'near' | 'far'

/** Which way packets are lost. `up` is what `near` sends. */
export type Loss = 'up' | 'down' | 'both'

const addresses: Readonly<Record<NetworkEnd, string>> = { near: '10.77.0.1', far: '10.77.0.2' }

let made = 0

export class Networks implements Disposable {
  readonly #names: Readonly<Record<NetworkEnd, string>>

  constructor() {
    const name = `co${process.pid}-${++made}`
    this.#names = { near: `${name}a`, far: `${name}b` }
    try {
      this.#make()
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  #make(): void {
    const { near, far } = this.#names
    for (const name of [near, far]) run('ip', 'netns', 'add', name)
    run('ip', 'link', 'add', 'cable', 'netns', near, 'type', 'veth', 'peer', 'name', 'cable', 'netns', far)
    for (const end of ['near', 'far'] as const) {
      this.#ip(end, 'addr', 'add', `${addresses[end]}/24`, 'dev', 'cable')
      for (const device of ['lo', 'cable']) this.#ip(end, 'link', 'set', device, 'up')
    }
  }

  address(end: NetworkEnd): string {
    return addresses[end]
  }

  /** Words that start a program at an end; it becomes that program. */
  within(end: NetworkEnd): readonly string[] {
    return ['ip', 'netns', 'exec', this.#names[end]]
  }

  /** Pulls the cable at one end: both ends see it. */
  pull(end: NetworkEnd = 'far'): void {
    this.#ip(end, 'link', 'set', 'cable', 'down')
  }

  plug(end: NetworkEnd = 'far'): void {
    this.#ip(end, 'link', 'set', 'cable', 'up')
  }

  /** Packets vanish on their way, and nobody is told. `port`: only those from or to this port of `near`. */
  lose(way: Loss, port?: number): void {
    const only = (what: 'sport' | 'dport') => (port === undefined ? '' : `tcp ${what} ${port}`)
    if (way !== 'down') this.#drop('far', only('sport'))
    if (way !== 'up') this.#drop('near', only('dport'))
  }

  #drop(at: NetworkEnd, which: string): void {
    run(...this.within(at), 'nft', 'add table inet lost')
    run(...this.within(at), 'nft', 'add chain inet lost coming { type filter hook input priority 0; }')
    run(...this.within(at), 'nft', `add rule inet lost coming iif cable ${which} drop`)
  }

  /** Nothing is lost any more. */
  heal(): void {
    for (const end of ['near', 'far'] as const) run(...this.within(end), 'nft', 'flush', 'ruleset')
  }

  /** Lets an end send no faster than that, in bits a second. */
  slow(bitsPerSecond: number, end: NetworkEnd = 'near'): void {
    const burstBytes = Math.max(4_096, Math.ceil(bitsPerSecond / 8 / 100)) // What passes between two ticks of the kernel.
    const words = ['rate', `${bitsPerSecond}bit`, 'burst', `${burstBytes}b`, 'latency', '400ms']
    run(...this.within(end), 'tc', 'qdisc', 'replace', 'dev', 'cable', 'root', 'tbf', ...words)
  }

  /** The kernel ends all connections of an end that lead to the other one. */
  killSockets(end: NetworkEnd): void {
    run(...this.within(end), 'ss', '--kill', 'dst', addresses[end === 'near' ? 'far' : 'near'])
  }

  /** The ports of `near` that have a connection to `far`. */
  portsInUse(): readonly number[] {
    const lines = run(...this.within('near'), 'ss', '--no-header', 'dst', addresses.far).split('\n')
    return lines.flatMap((line) => /10\.77\.0\.1:(\d+)/.exec(line)?.[1] ?? []).map(Number)
  }

  #ip(end: NetworkEnd, ...words: readonly string[]): void {
    run('ip', '-n', this.#names[end], ...words)
  }

  [Symbol.dispose](): void {
    for (const name of Object.values(this.#names)) {
      try {
        run('ip', 'netns', 'del', name)
      } catch {
        // It was never made.
      }
    }
  }
}

/** Why there can be no networks here; undefined if there can. */
export function networksMissing(): string | undefined {
  try {
    using networks = new Networks()
    networks.lose('both')
    return undefined
  } catch (error) {
    return (error instanceof Error ? error.message : String(error)).split('\n')[0]
  }
}

function run(...words: readonly string[]): string {
  const [program = '', ...rest] = words
  return execFileSync(program, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
