// What only a real file system has: links and fifos in the way, descriptors, limits of the system.

import { execFileSync } from 'node:child_process'
import kernel, * as fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { nodeDisk } from '../../../src/store/node-disk.ts'
import { NodeFile } from '../../../src/store/node-file.ts'
import { expectCode } from '../../conformance/disk-suite.ts'
import { scratch, scratchPath } from '../../support/scratch.ts'

describe('the real disk', () => {
  it('R67: refuses fifos, devices and sockets, and does not hang', async () => {
    const directory = await scratch()
    execFileSync('mkfifo', [join(directory.label, 'fifo')])
    for (const mode of ['read', 'update'] as const) await expectCode('not-a-file', directory.openFile('fifo', mode))
    const devices = await nodeDisk.openRoot('/dev')
    await expectCode('not-a-file', devices.openFile('null', 'read'))
    expect(await devices.stat('null')).toMatchObject({ kind: 'other' })
    expect(await devices.readEach([{ name: 'null', target: new Uint8Array(1) }])).toEqual([])
    await devices.close()
  })

  it('R65: works on inside a pinned directory while its name becomes a link', async () => {
    const root = await scratch()
    const outside = scratchPath()
    await root.makeDirectory('d', 0o700)
    const pinned = await root.openDirectory('d')
    fs.renameSync(join(root.label, 'd'), join(root.label, 'moved'))
    fs.symlinkSync(outside, join(root.label, 'd'))
    const file = await pinned.openFile('f', 'create')
    await file.write(Buffer.from('x'), 0)
    await file.close()
    await pinned.link('f', pinned, 'g')
    await pinned.rename('g', pinned, 'h')
    await pinned.makeDirectory('e', 0o700)
    await pinned.makeLink('l', 'x')
    await pinned.setLinkTimes('l', 5)
    await pinned.unlink('f')
    await pinned.sync()
    expect(fs.readdirSync(outside)).toEqual([])
    expect(fs.readdirSync(join(root.label, 'moved'))).toEqual(['e', 'h', 'l'])
    await expectCode('not-a-directory', root.openDirectory('d'))
    await pinned.close()
  })

  it('opens a root by a path that is no UTF-8, through links', async () => {
    const path = scratchPath()
    const odd = Buffer.concat([Buffer.from(`${path}/`), Buffer.of(0xff, 0xc3)])
    fs.mkdirSync(odd)
    fs.symlinkSync(odd, join(path, 'link'))
    for (const each of [`${path}/\udcff\udcc3`, join(path, 'link')]) {
      const root = await nodeDisk.openRoot(each)
      await root.makeDirectory(each === path ? 'a' : 'b', 0o700)
      await root.close()
    }
    expect(fs.readdirSync(odd)).toEqual(['b'])
    await expectCode('not-found', nodeDisk.openRoot(join(path, 'none')))
  })

  it('R25: gives back every descriptor', async () => {
    const root = await scratch()
    const before = fs.readdirSync('/proc/self/fd').length
    for (let i = 0; i < 50; i++) {
      await (await root.openFile(`f${i}`, 'create')).close()
      await root.makeDirectory(`d${i}`, 0o700)
      await (await root.openDirectory(`d${i}`)).close()
      await expectCode('not-a-file', root.openFile(`d${i}`, 'read'))
      await expectCode('not-a-directory', root.openDirectory(`f${i}`))
    }
    expect(fs.readdirSync('/proc/self/fd').length).toBe(before)
  })

  it.each(['datasync', 'sync'] as const)('R8: %s asks the kernel, and tells what it says', async (call) => {
    const file = new NodeFile(fs.openSync('/dev/null', 'r+'), 'a device that has nothing to sync')
    await expectCode('disk-failed', file[call]())
    await file.close()
  })

  it('R8: syncNow asks the kernel, and tells what it says, for ever', () => {
    const file = new NodeFile(fs.openSync('/dev/null', 'r+'), 'a device that has nothing to sync')
    for (let i = 0; i < 2; i++) expect(() => file.syncNow()).toThrow(expect.objectContaining({ code: 'disk-failed' }))
    file.closeNow()
  })

  it.runIf(process.platform === 'linux').each(['/dev/shm', tmpdir()])(
    'R8: has each of many new files synced behind its last write, in %s',
    async (folder) => {
      const path = fs.mkdtempSync(join(folder, 'carryon-sync-'))
      onTestFinished(() => fs.rmSync(path, { recursive: true }))
      const root = await nodeDisk.openRoot(path)
      const calls = recordedCalls()
      const files = ['a', 'b', 'c'].map((name) => ({ name, bytes: Buffer.from(name), mode: 0o600, mtimeUs: 7 }))
      const inodes = await root.writeEach(files, true)
      for (const inode of inodes) {
        const own = calls.filter(({ ino }) => ino === inode).map(({ name }) => name)
        expect(own.at(-1)).toMatch(/^fsync/)
        expect(own.slice(0, -1)).toContain('writeSync')
      }
      await root.close()
    },
  )

  it.runIf(process.platform === 'linux')(
    'asks a disk in memory to sync at once: there is nothing to wait for',
    async () => {
      const path = fs.mkdtempSync('/dev/shm/carryon-sync-')
      onTestFinished(() => fs.rmSync(path, { recursive: true }))
      const root = await nodeDisk.openRoot(path)
      const calls = recordedCalls()
      const file = await root.openFile('a', 'create')
      for (const sync of [() => root.sync(), () => file.sync(), () => file.datasync()]) await sync()
      expect(calls.map(({ name }) => name)).toEqual(['fsyncSync', 'fsyncSync', 'fsyncSync'])
      await file.close()
      await root.close()
    },
  )

  it('R7: a directory that cannot be synced says so', async () => {
    const directory = await nodeDisk.openRoot('/proc')
    expect(await directory.sync()).toBe(false)
    await directory.close()
  })

  it.each(['read', 'update', 'create'] as const)('R59: to %s never goes through a link', async (mode) => {
    const root = await scratch()
    const outside = scratchPath()
    fs.writeFileSync(join(outside, 'there'), 'theirs')
    fs.symlinkSync(join(outside, 'there'), join(root.label, 'to-a-file'))
    fs.symlinkSync(join(outside, 'new'), join(root.label, 'to-nothing'))
    for (const name of ['to-a-file', 'to-nothing'])
      await expect(root.openFile(name, mode), name).rejects.toThrow(/link|exists/)
    expect(fs.readdirSync(outside)).toEqual(['there'])
  })

  it('says why, with the cause', async () => {
    const root = await scratch()
    const error: unknown = await root.openFile('none', 'read').catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      code: 'not-found',
      details: { path: `${root.label}/none` },
      cause: { code: 'ENOENT' },
    })
    const file = await root.openFile('f', 'create')
    await file.close()
    await expect(file.write(Buffer.from('x'), 0)).rejects.toThrow('after it was closed')
  })

  it('is used by a small file system that fills up', async ({ skip }) => {
    const path = scratchPath()
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path], { stdio: 'ignore' })
    } catch {
      return skip('mounting a tmpfs takes root')
    }
    try {
      const root = await nodeDisk.openRoot(path)
      const file = await root.openFile('f', 'create')
      const error: unknown = await file.write(new Uint8Array(200_000), 0).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'disk-full', details: { freeBytes: 0 } })
      expect((await file.stat()).size).toBe(64 * 1024)
      expect(await root.freeBytes()).toBe(0)
      await file.close()
      await root.close()
    } finally {
      execFileSync('umount', [path])
    }
  })
})

/** What is asked of the kernel from now on until the test ends, in order: which call, for which file. */
function recordedCalls(): { readonly name: string; readonly ino: bigint }[] {
  const calls: { name: string; ino: bigint }[] = []
  const system = kernel as unknown as Record<string, unknown>
  for (const name of ['fsync', 'fsyncSync', 'writeSync', 'fchmodSync', 'futimesSync']) {
    const real = system[name] as (fd: number, ...rest: unknown[]) => unknown
    system[name] = (fd: number, ...rest: unknown[]) => {
      calls.push({ name, ino: fs.fstatSync(fd, { bigint: true }).ino })
      return real(fd, ...rest)
    }
    onTestFinished(() => {
      system[name] = real
      syncBuiltinESMExports()
    })
  }
  syncBuiltinESMExports()
  return calls
}
