// Certificates for tests, and what stands in front of a listener: a proxy where TLS ends, a man in the middle. The authority
// of fixtures/tls vouches for `listener` and `rival` (both for localhost), `elsewhere` (another name) and `expired` (the key
// of `listener`); its own key was thrown away.

import { createHmac, hkdfSync } from 'node:crypto'
import { chmodSync, copyFileSync, readFileSync } from 'node:fs'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { createServer, connect as connectTls, type TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { Certificate } from '../../src/transport/certificate.ts'

export type CertificateName = 'listener' | 'rival' | 'elsewhere' | 'expired'

const fileOf = (name: string): string => fileURLToPath(new URL(`../../fixtures/tls/${name}`, import.meta.url))

/** Makes a command trust the authority of the tests, as a person makes Node trust one of a company. */
export const trusting = { NODE_EXTRA_CA_CERTS: fileOf('authority.crt') }

/** The key of `expired` is that of `listener`. */
export function certificate(name: CertificateName): Certificate {
  const key = name === 'expired' ? 'listener' : name
  return { chain: readFileSync(fileOf(`${name}.crt`), 'utf8'), key: readFileSync(fileOf(`${key}.key`), 'utf8') }
}

/** Copies into `folder`, the key for its owner alone, and the flags that name them. */
export function certificateFlags(folder: string, name: CertificateName, keyOf: CertificateName = name): string[] {
  const [cert, key] = [join(folder, `${name}.crt`), join(folder, `${keyOf}.key`)]
  copyFileSync(fileOf(`${name}.crt`), cert)
  copyFileSync(fileOf(`${keyOf === 'expired' ? 'listener' : keyOf}.key`), key)
  chmodSync(key, 0o600)
  return ['--tls-cert', cert, '--tls-key', key]
}

/** What a proof says, made by hand after docs/protocol.md. */
export function macOf(
  by: 'dialer' | 'listener',
  key: { readonly identity: string; readonly hex: string },
  nonces: { readonly binding: string; readonly listenerNonce: string; readonly dialerNonce: string },
): string {
  const proofKey = Buffer.from(hkdfSync('sha256', Buffer.from(key.hex, 'hex'), '', 'carryon v1 proof', 32))
  const text = `carryon v1 ${by} ${key.identity} ${nonces.binding} ${nonces.listenerNonce} ${nonces.dialerNonce}`
  return createHmac('sha256', proofKey).update(text).digest('hex')
}

/** Somebody between a dialer and a listener, where the dialer's TLS ends. */
export interface Between {
  readonly port: number
  /** What came through him in clear, both ways. */
  readonly heard: { fromDialer: string; fromListener: string }
  /** Connections that got through his TLS. */
  count: number
}

/**
 * Passes on what comes over TLS to a port of this machine: by TLS as well, or in plain text as a proxy does, which adds
 * `header` to the first request.
 */
export async function standBetween(
  shown: CertificateName,
  to: { readonly port: number; readonly isTls: boolean },
  header = '',
): Promise<Between> {
  const sockets = new Set<Socket>()
  const { chain: cert, key } = certificate(shown)
  const server = createServer({ cert, key }, (dialer: TLSSocket) => {
    const host = '127.0.0.1'
    const listener = to.isTls ? connectTls({ host, port: to.port, rejectUnauthorized: false }) : connect(to.port, host)
    for (const socket of [dialer, listener]) {
      sockets.add(socket)
      socket.on('error', () => {})
    }
    it.count += 1
    let isFirst = true
    dialer.on('data', (bytes) => {
      it.heard.fromDialer += bytes.toString('latin1')
      const text = bytes.toString('latin1')
      listener.write(
        isFirst && header !== '' ? Buffer.from(text.replace('\r\n', `\r\n${header}\r\n`), 'latin1') : bytes,
      )
      isFirst = false
    })
    listener.on('data', (bytes) => {
      it.heard.fromListener += bytes.toString('latin1')
      dialer.write(bytes)
    })
    dialer.once('close', () => listener.destroy())
    listener.once('end', () => dialer.end())
    listener.once('close', () => dialer.destroy())
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const it: Between = {
    port: (server.address() as AddressInfo).port,
    heard: { fromDialer: '', fromListener: '' },
    count: 0,
  }
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return it
}
