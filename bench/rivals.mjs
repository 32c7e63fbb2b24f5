// What carryon is measured against. Servers listen on loopback ports of their own, with keys and settings that live in the
// scratch folder: nothing of this machine's ssh or rsync set-up is read or changed.

import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { userInfo } from 'node:os'
import { basename, join } from 'node:path'
import { endOf, listens } from './measure.mjs'

const packages = { rsync: 'rsync', ssh: 'openssh-client', sshd: 'openssh-server', nc: 'netcat-openbsd' }
const separationFolder = '/run/sshd' // Where Debian's sshd insists on being locked up.

/** Names of the tools that are not there, after trying to install them where that is allowed. @param also further ones, with their packages */
export function missingTools({ install, also = {} }) {
  const wanted = { ...packages, ...also }
  const missing = () => Object.keys(wanted).filter((name) => pathOf(name) === undefined)
  if (missing().length > 0 && install && process.getuid() === 0 && pathOf('apt-get') !== undefined) {
    const names = missing().map((name) => wanted[name])
    console.error(`Installing ${names.join(', ')} ...`)
    try {
      execFileSync('apt-get', ['install', '-qq', '-y', '--no-install-recommends', ...names], { stdio: 'ignore' })
    } catch {
      // What could not be installed reads "not measured".
    }
  }
  return missing()
}

/**
 * All rivals, with the servers they need; those whose tools are missing say so in `missing`.
 * @param {{ scratch: string, targets: string, missing: readonly string[], isDurable: boolean }} options
 *   `isDurable`: the disk is real, so a rival ends, like carryon, only when all is on it
 * @returns {Promise<{ rivals: import('./rounds.mjs').Contestant[], stop(): Promise<void> }>}
 */
export async function startRivals({ scratch, targets, missing, isDurable }) {
  const has = (...names) => names.every((name) => !missing.includes(name))
  const rsyncd = has('rsync') ? await startRsyncd(scratch, targets) : undefined
  const sshd = has('ssh', 'sshd') ? await startSshd(scratch) : undefined
  const rivals = [cp(), nc(), rsyncDaemon(rsyncd), rsyncOverSsh(has('rsync') ? sshd : undefined), ...scps(sshd)]
  const absent = { nc: !has('nc') }
  return {
    rivals: rivals.map((rival) => ({
      ...(isDurable ? withSync(rival) : rival),
      isMissing: rival.isMissing ?? absent[rival.name] ?? false,
    })),
    async stop() {
      for (const server of [rsyncd, sshd]) await server?.stop()
    },
  }
}

function cp() {
  return {
    name: 'cp',
    runs: () => true,
    prepare: async ({ name, source }, target) => ({
      command: ['cp', name === 'unchanged' ? '-au' : '-a', source, target],
    }),
  }
}

/** One file as it is, a folder as a tar archive; its dialer does not know when the other side has written all. */
function nc() {
  return {
    name: 'nc',
    runs: ({ name }) => name !== 'unchanged',
    async prepare({ name, source }, target) {
      const port = await freePort()
      const isFile = name === 'large'
      const take = isFile ? `cat > "$0/${basename(source)}"` : 'tar -xf - -C "$0"'
      const pack = isFile
        ? `nc -N 127.0.0.1 ${port} < "$0"`
        : `tar -cf - -C "\${0%/*}" "\${0##*/}" | nc -N 127.0.0.1 ${port}`
      const listenerCommand = isFile
        ? `exec nc -l 127.0.0.1 ${port} > "$0/${basename(source)}"`
        : `nc -l 127.0.0.1 ${port} | ${take}`
      const listener = spawn('sh', ['-c', listenerCommand, target], { stdio: 'ignore' })
      await listens(port)
      return { listener, untilListener: true, command: ['sh', '-c', pack, source] }
    },
  }
}

function rsyncDaemon(server) {
  return {
    name: 'rsync daemon',
    runs: () => true,
    isMissing: server === undefined,
    prepare: async ({ source }, target) => ({
      command: ['rsync', '-a', '--whole-file', source, `rsync://127.0.0.1:${server.port}/bench/${basename(target)}/`],
      daemons: [server.pid],
    }),
  }
}

function rsyncOverSsh(server) {
  return {
    name: 'rsync over ssh',
    runs: () => true,
    isMissing: server === undefined,
    prepare: async ({ source }, target) => ({
      command: ['rsync', '-a', '--whole-file', '-e', server.ssh.join(' '), source, `127.0.0.1:${target}/`],
      daemons: [server.pid],
    }),
  }
}

function scps(server) {
  const scp = (name, flags, runs) => ({
    name,
    runs,
    isMissing: server === undefined,
    prepare: async ({ source }, target) => ({
      command: [
        'scp',
        '-q',
        '-r',
        '-p',
        ...server.options,
        '-P',
        String(server.port),
        ...flags,
        source,
        `127.0.0.1:${target}/`,
      ],
      daemons: [server.pid],
    }),
  })
  return [
    scp('scp', [], ({ name }) => name !== 'unchanged'),
    scp('scp aes128-gcm', ['-c', 'aes128-gcm@openssh.com'], ({ name }) => name === 'large'),
  ]
}

/** carryon exits when all is durable: a rival on a real disk is timed until then too. */
function withSync(rival) {
  return {
    ...rival,
    async prepare(scenario, target) {
      const prepared = await rival.prepare(scenario, target)
      return { ...prepared, command: ['sh', '-c', '"$@" && sync -f "$0"', target, ...prepared.command] }
    },
  }
}

async function startRsyncd(scratch, targets) {
  const port = await freePort()
  const settings = join(scratch, 'rsyncd.conf')
  const { uid, gid } = userInfo()
  const asWho = uid === 0 ? `uid = ${uid}\ngid = ${gid}\n` : '' // As root it would write as nobody.
  writeFileSync(settings, `address = 127.0.0.1\nuse chroot = no\n[bench]\npath = ${targets}\nread only = no\n${asWho}`)
  return startServer('rsync', ['--daemon', '--no-detach', `--config=${settings}`, `--port=${port}`], port)
}

async function startSshd(scratch) {
  const port = await freePort()
  const folder = join(scratch, 'ssh')
  mkdirSync(folder, { mode: 0o700 })
  const { command, options, isMade } = sshServerIn(folder, '127.0.0.1', port)
  const server = await startServer(command[0], command.slice(1), port)
  return {
    ...server,
    options,
    ssh: ['ssh', ...options, '-p', String(port)],
    async stop() {
      await server.stop()
      if (isMade) rmdirSync(separationFolder)
    },
  }
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

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}
