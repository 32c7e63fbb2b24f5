// Sizes, rates and durations as people type and read them. Read: 64K and 64KiB are 1024-based, 64KB is 1000-based, a
// duration needs its unit. Shown: IEC bytes, never bits. "Unlimited" and "never" are words (`off`, `forever`), never 0.

import { TransferError } from '../errors.ts'

const unitBytes: Readonly<Record<string, number>> = { '': 1, b: 1 }
const prefixes = ['k', 'm', 'g', 't', 'p'] as const
const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Bytes: `64K`, `64KiB`, `1.5GB`, `4096`. At least 1 and exact in a double.
 * @throws usage
 */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim())
  const unit = match && bytesOfUnit(match[2]!.toLowerCase())
  if (!match || unit === undefined) throw notA('size', text, 'Write it like 64K, 64KiB, 64KB, 1.5GiB or 4096 (bytes).')
  return wholeBytes('size', text, Number(match[1]) * unit!, 'leave the flag out')
}

/**
 * Bytes per second: a size with an optional `/s`, or `100Mbit` (1000-based bits). `off` is Infinity.
 * @throws usage
 */
export function parseRate(text: string): number {
  const rate = text.trim().replace(/\/s$/i, '')
  if (rate.toLowerCase() === 'off') return Infinity
  const bits = /^(\d+(?:\.\d+)?)\s*([kmgt]?)bit$/i.exec(rate)
  const unlimited = 'say off, or leave the flag out'
  if (bits)
    return wholeBytes(
      'rate',
      text,
      (Number(bits[1]) * 1000 ** (prefixPower(bits[2]!.toLowerCase()) ?? 0)) / 8,
      unlimited,
    )
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(rate)
  const unit = match && bytesOfUnit(match[2]!.toLowerCase())
  if (!match || unit === undefined) throw notA('rate', text, 'Write it like 4MiB, 500K/s, 100Mbit or off.')
  return wholeBytes('rate', text, Number(match[1]) * unit!, unlimited)
}

/**
 * Milliseconds: `90s`, `15m`, `1h30m`, `7d`, `500ms`. `forever` is Infinity.
 * @throws usage
 */
export function parseDuration(text: string): number {
  const duration = text.trim().toLowerCase()
  if (duration === 'forever') return Infinity
  if (!/^(\d+(?:\.\d+)?(?:ms|[smhd]))+$/.test(duration))
    throw notA('duration', text, 'Write it like 90s, 15m, 1h30m, 7d or forever; the unit is required.')
  const parts = [...duration.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)]
  return Math.round(parts.reduce((total, part) => total + Number(part[1]) * unitMs[part[2]!]!, 0))
}

/**
 * A count: digits only, at least 1.
 * @throws usage
 */
export function parseCount(text: string): number {
  const count = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(count)) throw notA('number', text, 'Write digits only.')
  if (count === 0) throw notA('limit', text, '0 never means "unlimited": leave the flag out for no limit.')
  return count
}

/**
 * Lanes: 1 to 16, or `auto`.
 * @throws usage
 */
export function parseLanes(text: string): number | 'auto' {
  if (text.trim() === 'auto') return 'auto'
  const count = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN
  if (!(count >= 1 && count <= 16)) throw notA('number of lanes', text, 'Write a number from 1 to 16, or auto.')
  return count
}

/** `8.3 GiB`: three digits that matter, two for what is below 10. */
export function formatBytes(bytes: number): string {
  const { value, unit } = scaled(bytes, bytes)
  return `${value} ${unit}`
}

/** `8.3/11.7 GiB`: both in the unit of the second. */
export function formatBytesOf(bytes: number, total: number): string {
  const whole = scaled(total, total)
  return `${scaled(bytes, total).value}/${whole.value} ${whole.unit}`
}

/** `104 MiB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`
}

/** How long something took or will take, for a sentence: `33 s`, `4 min 10 s`, `2 h 5 min`, `6 d 3 h`. */
export function formatDuration(ms: number): string {
  if (ms === Infinity) return 'forever'
  const seconds = Math.round(ms / 1000)
  if (seconds < 1) return `${Math.max(0, Math.round(ms))} ms`
  if (seconds >= 2 * 86_400) return twoUnits(Math.floor(seconds / 3_600), 24, 'd', 'h')
  if (seconds >= 3_600) return twoUnits(Math.floor(seconds / 60), 60, 'h', 'min')
  return seconds >= 60 ? twoUnits(seconds, 60, 'min', 's') : `${seconds} s`
}

function twoUnits(count: number, ratio: number, large: string, small: string): string {
  const rest = count % ratio
  return `${Math.floor(count / ratio)} ${large}${rest === 0 ? '' : ` ${rest} ${small}`}`
}

/** Time left, for the bar: `0:33`, `1:02:03`, `3 d`. */
export function formatClock(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole >= 2 * 86_400) return `${Math.round(whole / 86_400)} d`
  const two = (count: number): string => String(count).padStart(2, '0')
  const minutes = Math.floor(whole / 60)
  return minutes >= 60
    ? `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`
    : `${minutes}:${two(whole % 60)}`
}

/** `12 408`: thousands apart, by a space. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ' ')
}

/** `1 file`, `12 408 files`. */
export function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}

function bytesOfUnit(unit: string): number | undefined {
  if (unit in unitBytes) return unitBytes[unit]
  const power = prefixPower(unit[0]!)
  if (power === undefined || power === 0) return undefined
  const rest = unit.slice(1)
  if (rest === '' || rest === 'ib') return 1024 ** power
  return rest === 'b' ? 1000 ** power : undefined
}

function prefixPower(letter: string): number | undefined {
  if (letter === '') return 0
  const index = prefixes.indexOf(letter as (typeof prefixes)[number])
  return index === -1 ? undefined : index + 1
}

function wholeBytes(what: string, text: string, bytes: number, unlimited: string): number {
  if (bytes < 1) throw notA(what, text, `0 never means "unlimited": ${unlimited}.`)
  if (bytes > Number.MAX_SAFE_INTEGER) throw notA(what, text, 'The largest is 8 PiB.')
  return Math.floor(bytes)
}

function notA(what: string, text: string, remedy: string): TransferError {
  return new TransferError('usage', { problem: `"${text}" is not a ${what} that can be used here.`, remedy })
}

/** `bytes` in the unit that suits `scale`, rounded down so that a part never looks like the whole. */
function scaled(bytes: number, scale: number): { readonly value: string; readonly unit: string } {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  const power = Math.min(units.length - 1, scale < 1024 ? 0 : Math.floor(Math.log2(scale) / 10))
  const value = bytes / 1024 ** power
  const shown = power === 0 ? String(Math.floor(value)) : String(Math.floor(value * 10) / 10)
  return { value: power > 0 && value >= 100 ? String(Math.floor(value)) : shown, unit: units[power]! }
}
