// Ports for those who must know theirs before they listen, or listen there again.

import { createServer } from 'node:net'

/** A free port below those that systems hand out by themselves: nobody gets it by chance, whoever starts or is killed meanwhile. */
export async function quietPort(chance: () => number = Math.random): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(chance() * 10_000)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    await new Promise((resolve) => server.close(resolve))
    return port
  }
}
