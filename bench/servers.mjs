// The servers that rivals talk to, on loopback ports of their own, with keys and settings that live in the scratch folder:
// nothing of this machine's set-up is read or changed.

import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { endOf, listens } from './measure.mjs'

/** Both ends of tus; its packages are bench/package.json's. */
export const tus = fileURLToPath(new URL('tus.mjs', import.meta.url))
const separationFolder = '/run/sshd' // Where Debian's sshd insists on being locked up.

/**
 * Servers that start when first asked for, which is before a stopwatch runs. Files to send lie in `sources`, and all that
 * is received lands in `targets`, one run after the other in its folder `target`.
 * @param {{ scratch: string, sources: string, targets: string }} places
 */
export function serversOf(places) {
  const starts = { rsyncd: startRsyncd, sshd: startSshd, nginx: startNginx, tusd: startTusd }
  const started = new Map()
  const asked = Object.entries(starts).map(([name, start]) => [
    name,
    async () => {
      if (!started.has(name)) started.set(name, await start(places))
      return started.get(name)
    },
  ])
  return {
    ...Object.fromEntries(asked),
    async stop() {
      for (const server of started.values()) await server.stop()
    },
  }
}

async function startRsyncd({ scratch, targets }) {
  const port = await freePort()
  const settings = join(scratch, 'rsyncd.conf')
  const { uid, gid } = userInfo()
  const asWho = uid === 0 ? `uid = ${uid}\ngid = ${gid}\n` : '' // As root it would write as nobody.
  writeFileSync(
    settings,
    `address = 127.0.0.1\nuse chroot = no\nmunge symlinks = no\n[bench]\npath = ${targets}\nread only = no\n${asWho}`,
  )
  return startServer('rsync', ['--daemon', '--no-detach', `--config=${settings}`, `--port=${port}`], port)
}

async function startSshd({ scratch }) {
  const port = await freePort()
  const folder = join(scratch, 'ssh')
  mkdirSync(folder, { mode: 0o700 })
  const { command, options, isMade } = sshServerIn(folder, '127.0.0.1', port)
  const server = await startServer(command[0], command.slice(1), port)
  return {
    ...server,
    options,
    key: join(folder, 'user'),
    ssh: ['ssh', ...options, '-p', String(port)],
    async stop() {
      await server.stop()
      if (isMade) rmdirSync(separationFolder)
    },
  }
}

/** One process, so that its processor time can be read while it lives. */
async function startNginx({ scratch, sources }) {
  const port = await freePort()
  const folder = join(scratch, 'nginx')
  mkdirSync(folder)
  const asWho = process.getuid() === 0 ? 'user root;\n' : ''
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((of) => `${of}_temp_path ${folder}/${of};`)
  const http = `access_log off; sendfile on; ${temporary.join(' ')} server { listen 127.0.0.1:${port}; root ${sources}; }`
  const settings = join(folder, 'nginx.conf')
  writeFileSync(settings, `${asWho}pid ${folder}/pid;\nmaster_process off;\nevents {}\nhttp { ${http} }\n`)
  return startServer(pathOf('nginx'), ['-g', 'daemon off;', '-e', join(folder, 'error.log'), '-c', settings], port)
}

async function startTusd({ targets }) {
  const port = await freePort()
  return startServer(process.execPath, [tus, 'serve', join(targets, 'target'), String(port)], port)
}

/** Keys and settings of a server in this folder: the command that starts it, and what its clients say. */
export function sshServerIn(folder, address, port) {
  for (const name of ['host', 'user'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)])
  const keys = join(folder, 'authorized_keys')
  writeFileSync(keys, readFileSync(join(folder, 'user.pub')), { mode: 0o600 })
  const settings = join(folder, 'sshd_config')
  writeFileSync(settings, sshdSettings({ address, port, hostKey: join(folder, 'host'), keys }))
  const isMade = process.getuid() === 0 && !existsSync(separationFolder)
  if (isMade) mkdirSync(separationFolder, { mode: 0o755 })
  const command = [pathOf('sshd'), '-D', '-e', '-f', settings]
  return { command, options: clientOptions(join(folder, 'user')), isMade }
}

function sshdSettings({ address, port, hostKey, keys }) {
  return [
    `Port ${port}`,
    `ListenAddress ${address}`,
    `HostKey ${hostKey}`,
    `AuthorizedKeysFile ${keys}`,
    'PidFile none',
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'PermitRootLogin prohibit-password',
    'Subsystem sftp internal-sftp',
    '',
  ].join('\n')
}

function clientOptions(key) {
  const options = [
    'IdentityAgent=none',
    'IdentitiesOnly=yes',
    'StrictHostKeyChecking=no',
    'BatchMode=yes',
    'LogLevel=ERROR',
  ]
  return ['-F', 'none', '-i', key, ...[...options, 'UserKnownHostsFile=/dev/null'].flatMap((option) => ['-o', option])]
}

async function startServer(command, flags, port) {
  const child = spawn(command, flags, { stdio: 'ignore' })
  await listens(port)
  return {
    port,
    pid: child.pid,
    stop() {
      child.kill()
      return endOf(child)
    },
  }
}

/** Where a tool is; undefined: it is not there. */
export function pathOf(name) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin']
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}
