// A scene whose sender is at the near end of a cable and whose receiver is at the far one.

import { onTestFinished } from 'vitest'
import type { Command } from '../support/command.ts'
import { Networks } from '../support/networks.ts'
import { Scene } from '../support/scene.ts'

export class CableScene extends Scene {
  readonly networks = new Networks()

  constructor() {
    super()
    onTestFinished(() => this.networks[Symbol.dispose]())
  }

  override receive(...flags: readonly string[]): Command {
    const listen = ['--listen', `${this.networks.address('far')}:0`]
    const words = ['receive', this.target, ...listen, ...flags]
    return this.as('receiver', words, { within: this.networks.within('far') })
  }

  override send(path: string, ...flags: readonly string[]): Command {
    return this.as('sender', ['send', `${this.source}/${path}`, ...flags], { within: this.networks.within('near') })
  }
}

/** When an event was said, on the clock of `Date.now`. */
export function saidAt({ time }: { readonly time: string }): number {
  return Date.parse(time)
}
