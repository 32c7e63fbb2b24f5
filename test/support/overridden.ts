// A second directory or connection over the same one, with some of its calls replaced: how a test holds a call back,
// without a mock.

/** Asks `overrides` where there is one, `original` for everything else. */
export function overridden<Thing extends object>(original: Thing, overrides: Partial<Thing>): Thing {
  return new Proxy(original, {
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
