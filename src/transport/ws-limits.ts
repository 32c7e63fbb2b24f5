// How carryon sets up ws and TLS, the same at both ends. ws changes its defaults between releases, so every limit is said.

import type { SecureContextOptions } from 'node:tls'
import { frameMaxBytes } from '../model/limits.ts'

export const subprotocol = 'carryon.v1'

/** Options of a WebSocket client and of a WebSocketServer alike; @types/ws knows no `closeTimeout`, ws does. */
export interface WsLimits {
  readonly perMessageDeflate: boolean
  readonly maxPayload: number
  readonly maxFragments: number
  readonly maxBufferedChunks: number
  readonly skipUTF8Validation: boolean
  readonly closeTimeout: number
}

export const wsLimits: WsLimits = {
  perMessageDeflate: false,
  maxPayload: frameMaxBytes,
  maxFragments: 64,
  maxBufferedChunks: 4_096, // One read or TLS record each: the largest frame in pieces of 272 bytes still gets through.
  skipUTF8Validation: false,
  closeTimeout: 2_000, // ms; the closing handshake and what is queued before it.
}

/** TLS 1.3 with a pre-shared key, whose hash is SHA-256: a SHA-384 suite cannot use it. */
export const tlsWithKey: Readonly<Pick<SecureContextOptions, 'minVersion' | 'maxVersion' | 'ciphers'>> = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256',
}
