// Another machine to reach over ssh: a real sshd on this one, with its own keys, home folder and state, and a program `ssh`
// for the near side that knows it as `far`. Nothing of this machine's own set-up of ssh is read or changed.

import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { commandPath } from './command.ts'
import { quietPort } from './quiet-port.ts'

const sshdPath = ['/usr/sbin/sshd', '/usr/local/sbin/sshd'].find((path) => existsSync(path))
const separationFolder = '/run/sshd' // Where Debian's sshd insists on being locked up.

/** Why there can be no far machine here; undefined if there can. */
export function sshMissing(): string | undefined {
  if (sshdPath === undefined) return 'there is no sshd'
  if (spawnSync('ssh', ['-V']).status !== 0) return 'there is no ssh'
  if (process.getuid?.() === 0 && !existsSync(separationFolder)) mkdirSync(separationFolder, { mode: 0o755 })
  return undefined
}

export interface FarMachineOptions {
  /** Where it listens; loopback unless set. */
  readonly address?: string
  /** Words before sshd, of a program that becomes it. */
  readonly within?: readonly string[]
  /** What every login may run instead of what it asks for. */
  readonly command?: string
}

export class FarMachine {
  /** Where a login begins. */
  readonly home: string
  /** Of commands at this end: finds our `ssh` first. */
  readonly env: Readonly<Record<string, string>>
  readonly #folder: string
  readonly #options: FarMachineOptions
  readonly #port: number
  #sshd: ChildProcess | undefined

  private constructor(port: number, options: FarMachineOptions) {
    this.#folder = mkdtempSync(join(tmpdir(), 'carryon-far-'))
    this.#options = options
    this.#port = port
    this.home = join(this.#folder, 'home')
    for (const name of ['home', 'state', 'near', 'far']) mkdirSync(join(this.#folder, name), { mode: 0o700 })
    this.env = { PATH: [join(this.#folder, 'near'), process.env['PATH'] ?? ''].join(delimiter) }
  }

  static async start(options: FarMachineOptions = {}): Promise<FarMachine> {
    const far = new FarMachine(await quietPort(), options)
    onTestFinished(async () => {
      await far.stop()
      await far.#leave() // Or they would write into what is being removed.
      rmSync(far.#folder, { recursive: true, force: true })
    })
    far.#setUp()
    await far.#listen()
    return far
  }

  /** Its state directory, as `XDG_STATE_HOME` names it. */
  get stateHome(): string {
    return join(this.#folder, 'state')
  }

  /** A folder in its home. */
  folder(name: string): string {
    const path = join(this.home, name)
    mkdirSync(path, { recursive: true })
    return path
  }

  /** The script of the program `ssh` that reaches it. */
  get ssh(): string {
    return `exec "${pathOf('ssh')}" -F "${join(this.#folder, 'ssh_config')}" "$@"`
  }

  /** Whatever another program named `ssh` does, for the near side. */
  pretend(script: string): void {
    this.#write('near/ssh', `#!/bin/sh\n${script}\n`, 0o755)
  }

  /** carryon is gone from its PATH, or another program has the name. */
  replaceCarryon(script: string | undefined): void {
    rmSync(join(this.#folder, 'far', 'carryon'))
    if (script !== undefined) this.#write('far/carryon', `#!/bin/sh\n${script}\n`, 0o755)
  }

  /** It has another host key from its next connection on. */
  async changeHostKey(): Promise<void> {
    await this.stop()
    for (const name of ['host', 'host.pub']) rmSync(join(this.#folder, name))
    this.#key('host')
    await this.#listen()
  }

  /** Processes of carryon that ssh has started here. */
  get processes(): readonly number[] {
    const marks = [`XDG_STATE_HOME=${this.stateHome}\0`, 'SSH_CONNECTION=']
    return processesOf(process.execPath).filter((pid) => {
      const environment = readIfThere(`/proc/${pid}/environ`)
      return marks.every((mark) => environment.includes(mark))
    })
  }

  async stop(): Promise<void> {
    if (this.#sshd === undefined || this.#sshd.exitCode !== null) return
    const gone = once(this.#sshd, 'close')
    this.#sshd.kill()
    await gone
    this.#sshd = undefined
  }

  /** Kills what ssh has started and is still there, and waits until it is gone. */
  async #leave(): Promise<void> {
    for (let left = this.processes; left.length > 0; left = this.processes) {
      for (const pid of left) killIfThere(pid)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  #setUp(): void {
    for (const name of ['host', 'user']) this.#key(name)
    const allowed = this.#options.command === undefined ? '' : `restrict,command="${this.#options.command}" `
    this.#write('authorized_keys', allowed + readFileSync(join(this.#folder, 'user.pub'), 'utf8'), 0o600)
    this.#write('sshd_config', this.#sshdConfig(), 0o600)
    this.#write('ssh_config', this.#sshConfig(), 0o600)
    this.#write('far/carryon', `#!/bin/sh\nexec "${process.execPath}" "${commandPath}" "$@"\n`, 0o755)
    this.pretend(this.ssh)
    this.#know()
  }

  #sshdConfig(): string {
    const { address = '127.0.0.1' } = this.#options
    const path = [join(this.#folder, 'far'), '/usr/bin', '/bin'].join(delimiter)
    return [
      `Port ${this.#port}`,
      `ListenAddress ${address}`,
      `HostKey ${join(this.#folder, 'host')}`,
      `AuthorizedKeysFile ${join(this.#folder, 'authorized_keys')}`,
      'PidFile none',
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PermitRootLogin prohibit-password',
      'MaxStartups 100',
      `SetEnv HOME=${this.home} XDG_STATE_HOME=${this.stateHome} PATH=${path} LANG=C.UTF-8`,
      '',
    ].join('\n')
  }

  #sshConfig(): string {
    return [
      'Host far',
      `HostName ${this.#options.address ?? '127.0.0.1'}`,
      `Port ${this.#port}`,
      `User ${userInfo().username}`,
      `IdentityFile ${join(this.#folder, 'user')}`,
      'IdentitiesOnly yes',
      'IdentityAgent none',
      `UserKnownHostsFile ${join(this.#folder, 'known_hosts')}`,
      'StrictHostKeyChecking yes',
      '',
    ].join('\n')
  }

  /** The near side knows the host key as it is now. */
  #know(): void {
    const { address = '127.0.0.1' } = this.#options
    this.#write(
      'known_hosts',
      `[${address}]:${this.#port} ${readFileSync(join(this.#folder, 'host.pub'), 'utf8')}`,
      0o600,
    )
  }

  async #listen(): Promise<void> {
    const { within = [], address = '127.0.0.1' } = this.#options
    const [program, ...words] = [...within, sshdPath!, '-D', '-e', '-f', join(this.#folder, 'sshd_config')]
    this.#sshd = spawn(program!, words, { stdio: 'ignore' })
    if (within.length === 0) await answers(address, this.#port)
  }

  #key(name: string): void {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(this.#folder, name)])
  }

  #write(name: string, text: string, mode: number): void {
    const path = join(this.#folder, name)
    writeFileSync(path, text)
    chmodSync(path, mode)
  }
}

/** Processes of this machine that run a program. */
function processesOf(program: string): readonly number[] {
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
  return pids.filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/exe`) === program
    } catch {
      return false // Gone, or not ours.
    }
  })
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone.
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Resolves when somebody listens there. */
async function answers(host: string, port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, host)
    const isUp = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    socket.destroy()
    if (isUp) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function pathOf(name: string): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? `/usr/bin/${name}`
}
