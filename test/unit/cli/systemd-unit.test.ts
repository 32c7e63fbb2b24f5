// The unit that --print-unit prints says what it must, and a folder's name can say nothing else in it.

import { describe, expect, it } from 'vitest'
import { serviceUnit } from '../../../src/cli/systemd-unit.ts'

const program = ['/usr/bin/node', '/opt/carryon/bin/carryon.js']
const settings = (text: string): string[] => text.split('\n').filter((line) => /^[A-Za-z]+=/.test(line))

describe('the systemd unit', () => {
  it('serves the folder at its port, and writes nowhere else', () => {
    const unit = settings(serviceUnit({ program, directory: '/srv/in', port: 7 }))
    expect(unit).toContain('ExecStart=/usr/bin/node /opt/carryon/bin/carryon.js serve /srv/in')
    expect(unit.filter((line) => line.startsWith('ReadWritePaths='))).toEqual(['ReadWritePaths=/srv/in'])
    expect(unit).toContain('ProtectSystem=strict')
    expect(unit).toContain('SocketBindAllow=tcp:7')
  })

  it('R95: leaves the JIT its memory', () => {
    expect(serviceUnit({ program, directory: '/srv/in', port: 7 })).not.toContain('\nMemoryDenyWriteExecute')
  })

  it.each(['/srv/a b', '/srv/100%', '/srv/"x"', String.raw`/srv/a\b`, '/srv/x\nExecStartPre=/bin/evil', '/srv/ä'])(
    'a folder named %j adds no setting',
    (directory) => {
      const names = (text: string) => settings(text).map((line) => line.replace(/=.*/, ''))
      const unit = serviceUnit({ program, directory, port: 7 })
      expect(names(unit)).toEqual(names(serviceUnit({ program, directory: '/srv/in', port: 7 })))
      expect(unit).not.toMatch(/[^%]%[^%]/)
    },
  )
})
