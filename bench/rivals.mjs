// What carryon is measured against: the tools, and how each is told to do the work of a scenario.

import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { listens } from './measure.mjs'
import { freePort, pathOf, serversOf, tus } from './servers.mjs'

/** Tools with the Debian packages they come in. */
const packages = {
  rsync: 'rsync',
  ssh: 'openssh-client',
  sshd: 'openssh-server',
  nc: 'netcat-openbsd',
  curl: 'curl',
  nginx: 'nginx-light',
  aria2c: 'aria2',
  rclone: 'rclone',
  lftp: 'lftp',
}
const always = ['rsync', 'ssh', 'sshd', 'nc']
const ownFolder = new URL('.', import.meta.url)
const pump = fileURLToPath(new URL('pump.mjs', ownFolder))

/**
 * Names of the tools that are not there, after trying to install them where that is allowed.
 * @param {{ install: boolean, quick?: boolean, also?: Record<string, string> }} options `quick`: without those that only
 *   a long run measures; `also`: further ones, with their packages
 */
export function missingTools({ install, quick = false, also = {} }) {
  const wanted = { ...packages, ...also }
  const missing = () => Object.keys(wanted).filter((name) => pathOf(name) === undefined)
  const toInstall = missing().filter((name) => !quick || always.includes(name) || name in also)
  if (toInstall.length > 0 && install && process.getuid() === 0 && pathOf('apt-get') !== undefined)
    tryTo('apt-get', ['install', '-qq', '-y', '--no-install-recommends', ...toInstall.map((name) => wanted[name])])
  return [...missing(), ...(hasPackages({ install: install && !quick }) ? [] : ['tus'])]
}

/** Whether the packages of bench/package.json are there: tus, and what draws. */
export function hasPackages({ install }) {
  const isThere = () => existsSync(new URL('node_modules/tus-js-client', ownFolder))
  if (!isThere() && install) tryTo('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'])
  return isThere()
}

/** What could not be installed reads "not measured". */
function tryTo(command, flags) {
  console.error(`Installing: ${command} ${flags.join(' ')}`)
  try {
    execFileSync(command, flags, { cwd: ownFolder, stdio: 'ignore' })
  } catch {
    // Said in the table.
  }
}

/**
 * All rivals, with the servers they need; those whose tools are missing say so in `missing`.
 * @param {{ scratch: string, sources: string, targets: string, missing: readonly string[], isDurable: boolean, quick?: boolean }} options
 *   `quick`: without those that only a long run measures; `isDurable`: the disk is real, so a rival ends, like carryon, only when all is on it
 * @returns {{ rivals: import('./rounds.mjs').Contestant[], stop(): Promise<void> }}
 */
export function rivalsOf({ missing, isDurable, quick = false, ...places }) {
  const servers = serversOf(places)
  const rivals = [
    cp(),
    nc(),
    nodeSocket('node, raw socket'),
    nodeSocket('node, raw TLS', 'tls'),
    rsyncDaemon(servers),
    rsyncOverSsh(servers),
    ...scps(servers),
    ...overHttp(servers),
    ...overSftp(servers),
    tusUpload(servers),
  ]
  return {
    rivals: rivals
      .filter(({ needs }) => !quick || needs.every((name) => always.includes(name)))
      .map((rival) => ({
        ...(isDurable ? withSync(rival) : rival),
        isMissing: rival.needs.some((name) => missing.includes(name)),
      })),
    stop: servers.stop,
  }
}

const isOneFile = ({ files }) => files === 1
const isFresh = ({ isUnchanged = false }) => !isUnchanged

function cp() {
  return {
    name: 'cp',
    needs: [],
    runs: () => true,
    prepare: async (scenario, target) => ({
      command: ['cp', isFresh(scenario) ? '-a' : '-au', scenario.source, target],
    }),
  }
}

/** One file as it is, a folder as a tar archive; its dialer does not know when the other side has written all. */
function nc() {
  return {
    name: 'nc',
    needs: ['nc'],
    runs: isFresh,
    async prepare(scenario, target) {
      const { source } = scenario
      const port = await freePort()
      const pack = isOneFile(scenario)
        ? `nc -N 127.0.0.1 ${port} < "$0"`
        : `tar -cf - -C "\${0%/*}" "\${0##*/}" | nc -N 127.0.0.1 ${port}`
      const take = isOneFile(scenario)
        ? `exec nc -l 127.0.0.1 ${port} > "$0/${basename(source)}"`
        : `nc -l 127.0.0.1 ${port} | tar -xf - -C "$0"`
      const listener = spawn('sh', ['-c', take, target], { stdio: 'ignore' })
      await listens(port)
      return { listener, untilListener: true, command: ['sh', '-c', pack, source] }
    },
  }
}

/** What Node can do at all. */
function nodeSocket(name, ...wish) {
  return {
    name,
    needs: [],
    runs: (scenario) => isFresh(scenario) && isOneFile(scenario),
    async prepare({ source }, target) {
      const port = String(await freePort())
      const taking = [pump, 'take', port, join(target, basename(source)), ...wish]
      const listener = spawn(process.execPath, taking, { stdio: 'ignore' })
      await listens(Number(port))
      return { listener, untilListener: true, command: [process.execPath, pump, 'give', port, source, ...wish] }
    },
  }
}

/** What talks to a server that serves many runs. */
function client(name, { needs, runs = () => true, server, command }) {
  return {
    name,
    needs,
    runs,
    async prepare(scenario, target) {
      const running = await server()
      return { command: command(scenario, target, running), daemons: [running.pid] }
    },
  }
}

function rsyncDaemon({ rsyncd }) {
  return client('rsync daemon', {
    needs: ['rsync'],
    server: rsyncd,
    command: ({ source, rsyncFlags = ['--whole-file'] }, target, { port }) => [
      'rsync',
      '-a',
      ...rsyncFlags,
      source,
      `rsync://127.0.0.1:${port}/bench/${basename(target)}/`,
    ],
  })
}

function rsyncOverSsh({ sshd }) {
  return client('rsync over ssh', {
    needs: ['rsync', 'ssh', 'sshd'],
    server: sshd,
    command: ({ source, rsyncFlags = ['--whole-file'] }, target, { ssh }) => [
      'rsync',
      '-a',
      ...rsyncFlags,
      '-e',
      ssh.join(' '),
      source,
      `127.0.0.1:${target}/`,
    ],
  })
}

function scps({ sshd }) {
  const scp = (name, flags, runs) =>
    client(name, {
      needs: ['ssh', 'sshd'],
      runs,
      server: sshd,
      command: ({ source }, target, { options, port }) =>
        ['scp', '-q', '-r', '-p', ...options, '-P', String(port), ...flags, source].concat(`127.0.0.1:${target}/`),
    })
  return [scp('scp', [], isFresh), scp('scp aes128-gcm', ['-c', 'aes128-gcm@openssh.com'], isOneFile)]
}

/** They fetch, where the others bring. */
function overHttp({ nginx }) {
  const url = (source, port) => `http://127.0.0.1:${port}/${basename(source)}`
  return [
    client('curl from nginx', {
      needs: ['curl', 'nginx'],
      runs: isOneFile,
      server: nginx,
      command: ({ source }, target, { port }) => ['curl', '-sSf', '--output-dir', target, '-O', url(source, port)],
    }),
    client('aria2 from nginx', {
      needs: ['aria2c', 'nginx'],
      runs: isOneFile,
      server: nginx,
      command: ({ source }, target, { port }) =>
        ['aria2c', '-q', '--no-conf', '-x', '4', '-s', '4', '--file-allocation=none', '-d', target].concat(
          url(source, port),
        ),
    }),
  ]
}

/** Both with four files at a time, links followed, and without hashing once more what they have sent. */
function overSftp({ sshd }) {
  const runs = (scenario) => isFresh(scenario) && scenario.files < 5_000 // Beyond that they take minutes.
  const landing = (scenario, target) => (isOneFile(scenario) ? target : join(target, basename(scenario.source)))
  return [
    client('rclone over sftp', {
      needs: ['rclone', 'ssh', 'sshd'],
      runs,
      server: sshd,
      command: (scenario, target, { port, key }) => {
        const login = ['--sftp-port', String(port), '--sftp-user', userInfo().username, '--sftp-key-file', key]
        const flags = [
          '--config',
          '/dev/null',
          '-L',
          '--create-empty-src-dirs',
          '--sftp-disable-hashcheck',
          '--sftp-host',
          '127.0.0.1',
          ...login,
        ]
        return ['rclone', 'copy', ...flags, scenario.source, `:sftp:${landing(scenario, target)}`]
      },
    }),
    client('lftp over sftp', {
      needs: ['lftp', 'ssh', 'sshd'],
      runs,
      server: sshd,
      command: (scenario, target, { port, options }) => {
        const { source } = scenario
        const what = isOneFile(scenario)
          ? `put -O ${target} ${source}`
          : `mirror -R -L --parallel=4 ${source} ${landing(scenario, target)}`
        const dial = `set sftp:connect-program "ssh -a -x ${options.join(' ')}"; open -u ${userInfo().username}, -p ${port}`
        return ['lftp', '--norc', '-c', `${dial} sftp://127.0.0.1; ${what}`]
      },
    }),
  ]
}

function tusUpload({ tusd }) {
  return client('tus', {
    needs: ['tus'],
    runs: isOneFile,
    server: tusd,
    command: ({ source }, _, { port }) => [process.execPath, tus, 'send', source, String(port)],
  })
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
