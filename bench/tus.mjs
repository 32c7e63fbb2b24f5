// Both ends of tus as a rival: `tus.mjs serve FOLDER PORT` and `tus.mjs send FILE PORT`. A request carries 64 MiB, which is
// about the best it does.

import { createReadStream, statSync } from 'node:fs'
import { basename } from 'node:path'
import { FileStore } from '@tus/file-store'
import { Server } from '@tus/server'
import { Upload } from 'tus-js-client'

const chunkSize = 64 * 1024 * 1024
const path = '/files'
const [verb, place, port] = process.argv.slice(2)

function serve() {
  const datastore = new FileStore({ directory: place })
  const namingFunction = (_, metadata) => metadata.filename
  new Server({ path, datastore, namingFunction }).listen({ host: '127.0.0.1', port: Number(port) })
}

function send() {
  return new Promise((onSuccess, onError) =>
    new Upload(createReadStream(place), {
      endpoint: `http://127.0.0.1:${port}${path}`,
      chunkSize,
      uploadSize: statSync(place).size,
      metadata: { filename: basename(place) },
      onSuccess,
      onError,
    }).start(),
  )
}

await (verb === 'serve' ? serve() : send())
