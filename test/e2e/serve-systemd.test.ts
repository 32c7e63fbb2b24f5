// `carryon serve` as a service: the unit it prints, and a socket that systemd holds. Without systemd's tools: skipped.

import { spawn, spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { commandPath } from '../support/command.ts'
import { quietPort } from '../support/quiet-port.ts'
import { bothSucceed } from '../support/scene.ts'
import { ServeScene } from '../support/serve-scene.ts'
import { plant } from '../support/trees.ts'

const has = (tool: string): boolean => spawnSync(tool, ['--version']).status === 0
const hasTools = has('systemd-analyze') && has('systemd-socket-activate')
if (!hasTools) console.log('systemd-analyze or systemd-socket-activate is missing: serve-systemd tests are skipped.')

describe.runIf(hasTools)('as a service', () => {
  it('R95: the unit is valid, and systemd rates its exposure 1.5 or better', async () => {
    const scene = new ServeScene()
    const command = scene.as('server', ['serve', scene.folder, '--print-unit'], { people: true })
    expect(await command.code()).toBe(0)
    const unit = join(scene.path, 'carryon-served.service')
    writeFileSync(unit, command.stdout)
    const rated = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=15', unit], {
      encoding: 'utf8',
    })
    console.log(/→ .*/.exec(rated.stdout)?.[0])
    expect(rated.stdout).toContain('Overall exposure level')
    expect(rated.status, rated.stdout).toBe(0)
    const verified = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' })
    expect({ status: verified.status, stderr: verified.stderr }).toEqual({ status: 0, stderr: '' })
  })

  it('takes over a socket that listens already', async () => {
    const scene = new ServeScene()
    const port = await quietPort()
    const env = { PATH: process.env['PATH']!, HOME: scene.path, XDG_STATE_HOME: scene.stateOf('server') }
    const kept = Object.entries(env).flatMap(([name, value]) => ['-E', `${name}=${value}`])
    const serve = [process.execPath, commandPath, 'serve', scene.folder, '--allow-root']
    const server = spawn('systemd-socket-activate', ['-l', `127.0.0.1:${port}`, ...kept, ...serve], { env })
    const gone = new Promise((resolve) => server.once('close', resolve))
    onTestFinished(async () => {
      server.kill('SIGKILL')
      await gone
    })
    let said = ''
    const serving = new Promise<void>((resolve) => {
      server.stderr.setEncoding('utf8').on('data', (text: string) => {
        said += text
        if (said.includes(`Serving on 127.0.0.1:${port}.`)) resolve()
        if (said.includes('Listening on')) connect(port, '127.0.0.1').on('error', () => {}) // Whoever knocks starts it.
      })
    })
    await serving
    plant(scene.homeOf('ann'), { note: 'carry on' })
    const { file } = await scene.ticket()
    await bothSucceed(scene.send('ann', 'note', '--to', `@${file}`))
  })
})
