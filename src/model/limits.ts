// Every number that bounds carryon, with its unit and its reason. A peer can propose, never set: what it names is clamped
// to the ranges here before anything is allocated, and 0 never means "unlimited". Ranges: docs/protocol.md, section Limits.

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB

/** A range that a wish is clamped to. */
export interface Range {
  readonly min: number
  readonly max: number
}

/** The knobs of one session. The simulator passes its own, much smaller ones. */
export interface Limits {
  /** Bytes of a chunk: the unit of sending, checking and retrying. */
  readonly chunkBytes: number
  /** W: bytes of distinct places sent and not yet acknowledged. */
  readonly windowBytes: number
  /** A minor sync point is due after this many unsynced bytes ... */
  readonly syncEveryBytes: number
  /** ... or when the oldest unsynced byte is this old. */
  readonly syncEveryMs: number
  /** A peer from which nothing came for this long, while we were reading, is dead. */
  readonly deadAfterMs: number
  /** Who has sent nothing for this long pings. */
  readonly pingIdleMs: number
  /** A peer that answers and gets nowhere for this long, while places are out, is replaced. */
  readonly watchdogMs: number
  /** Lanes that carry data: so many, as many as pay, or what the other side asks for. */
  readonly lanes: number | 'auto' | 'any'
  /** Of these, as many as the other side may ask for. */
  readonly lanesMax: number
  /** How long a receiver waits for `release` after it gave the receipt. */
  readonly lingerMs: number
}

export const chunkBytesRange: Range = { min: 64 * KiB, max: MiB }
export const windowBytesRange: Range = { min: 2 * MiB, max: GiB }
export const deadAfterMsRange: Range = { min: 3_000, max: 300_000 }
export const signOfLifeEveryMs = 1_000 // Of who can't answer a ping just now: the peer may have the shortest patience.
export const lanesRange: Range = { min: 1, max: 16 }
export const lanesAutoMax = 8 // More gained nothing on any link that was measured.

export const defaultLimits: Limits = {
  chunkBytes: MiB, // The top of the measured curve of frame sizes.
  windowBytes: 192 * MiB, // Most of it flows while a disk syncs that takes its time: docs/decisions/0025.
  syncEveryBytes: 32 * MiB,
  syncEveryMs: 1_000,
  deadAfterMs: 15_000,
  pingIdleMs: 5_000,
  watchdogMs: 120_000,
  lanes: 'any',
  lanesMax: lanesRange.max,
  lingerMs: 30_000,
}

/** Clamps a wish into a range; anything that is no finite number becomes `fallback`. */
export function clamp(wish: number, range: Range, fallback: number): number {
  if (!Number.isFinite(wish)) return fallback
  return Math.min(range.max, Math.max(range.min, Math.floor(wish)))
}

export const headerBytes = 32 // A data frame's header; drawn in docs/protocol.md.
export const packRowBytes = 24 // One file's row in a pack's table.
export const frameRoomBytes = 14 // In front of a frame, for the longest header of a WebSocket.
export const frameMaxBytes: number = MiB + 64 * KiB // Fits one chunk and its header; ws `maxPayload`.
export const controlMaxBytes: number = MiB // One message.
export const helloMaxBytes: number = 64 * KiB // All a stranger may send before `welcome`: TLS, HTTP and his first message.
export const recordMaxBytes: number = 4 * MiB // One journal record: a read of this size reaches past any torn tail.
export const placeOverheadBytes = 512 // What a place costs the window beside its bytes, so that empty files are not free.
export const placesOutMax: number = 16 * 1024 // Each takes both sides memory: as many as a window of 1 GiB has chunks of 64 KiB.

export const entriesMax = 5_000_000
export const depthMax = 128
export const nameMaxBytes = 255
export const pathMaxBytes = 4_096
export const linkTargetMaxBytes = 4_095
export const pageEntriesMax = 2_000 // Entries of a manifest page: a page's text stays below half of controlMaxBytes ...
export const pageTextMaxBytes: number = 512 * KiB // ... and is cut earlier when its names are long.
export const pagesMax = 8_192 // More than entriesMax in full pages, or 1 GiB of text, take.
export const manifestMaxBytes: number = GiB // Of text.
export const pagesUnansweredMax = 16
export const chunksMax: number = 2 ** 32 // Of one file: the chunk index is a u32.
export const fileChunksMax: number = 2 ** 24 // That a receiver takes: 16 TiB in chunks of 1 MiB, and 128 MiB for their hashes.
export const partsMaxBytes: number = 512 * MiB // Of memory for files under way: as many small ones as may be out take 32 MiB, the hashes of a large one up to 128.
export const queuedMaxBytes: number = 16 * MiB // For a peer: all pages and frames that an honest sender has on their way.
export const revisionMax = 65_535 // A u16 in the frame.
export const epochJumpMax: number = 2 ** 20 // A peer's epoch may be ahead of ours by this much at most.
export const badChunkTriesMax = 3
export const sourceChangesMax = 3 // Per run: a file that changes more often has the outcome `failed`.
export const sampleChunks = 8 // Random acknowledged chunks compared on resume, beside the first and the last.
export const hashesPerMessageMax = 32_768 // 16 hex digits each: half of controlMaxBytes.
export const hashesPerQuestion = 4_096 // That we ask: longer answers left 40 MiB of garbage with the asker (R15, measured).
export const runsPerMessageMax = 8_192 // Of each list in `want`, `resync` and `acknowledge`.
export const outcomesPerMessageMax = 512 // Of `acknowledge`: each may name a target of 255 bytes and a whole sentence.
export const authorisedPerMessageMax = 8_192 // Files of a major `sync`.
export const sentenceMaxChars = 1_000 // For people: of `refuse`, `exception`, `abort`, and the reason of an outcome.
export const codeMaxChars = 64 // Of error codes, capabilities and unknown kinds.

export const helloDeadlineMs = 10_000 // From accept to hello.
export const expireAfterMs: number = 7 * 24 * 3_600_000 // A session's, from its last progress, unless it has its own.
export const expireAfterMsRange: Range = { min: 60_000, max: 365 * 24 * 3_600_000 }
export const ticketExpireMs: number = 24 * 3_600_000 // A one-session ticket's: bounds first contact only.
export const tombstoneExtraMs: number = 24 * 3_600_000
export const clockLeewayMs = 120_000 // Two machines' clocks may differ by this much in the matter of tickets.
