// A second directory over the same one, with some of its calls replaced: how a test holds a call back, without a mock.

import type { Directory } from '../../src/model/disk.ts'

/** Calls `overrides` where there is one, `directory` for everything else. */
export function overridden(directory: Directory, overrides: Partial<Directory>): Directory {
  return new Proxy(directory, {
    get: (target, key) => {
      const own: unknown = Reflect.get(overrides, key)
      if (own !== undefined) return own
      const value: unknown = Reflect.get(target, key)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

/** A promise, and the function that settles it. */
export function gate(): { readonly passed: Promise<void>; open(): void } {
  let open!: () => void
  const passed = new Promise<void>((resolve) => (open = resolve))
  return { passed, open }
}
