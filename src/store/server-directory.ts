// `DIR/.carryon/server`, 0700: what a server of DIR keeps beside its sessions. `grants/<id>` is written by whoever mints,
// exchanges or revokes a ticket, `accounts/<id>` by the server alone, so that no two processes ever write one file. Its lock
// says who serves DIR (R43), and is how others reach that process.

import type { Directory } from '../model/disk.ts'
import { grantText, parseGrant, type Grant } from '../model/grant.ts'
import type { SessionId } from '../model/session.ts'
import { isTrust, type Trust } from '../model/ticket.ts'
import { readFile, replaceFile } from './whole-file.ts'

const name = 'server'
const grantsName = 'grants'
const accountsName = 'accounts'
const addressesName = 'addresses'
const trustName = 'trust'
const fileMaxBytes = 1024 * 1024 // An account has a line for each session that is under way.

/** What a grant's sessions have used up. */
export interface Account {
  /** Sessions begun, ever. */
  readonly begun: number
  /** Brought in by sessions that are over. */
  readonly bytes: number
  readonly files: number
  /** What is reserved for those that are not. */
  readonly open: Readonly<Record<SessionId, Reserved>>
}

export interface Reserved {
  /** Pages of the manifest that are counted. */
  readonly pages: number
  readonly bytes: number
  readonly files: number
}

export const emptyAccount: Account = { begun: 0, bytes: 0, files: 0, open: {} }

/** @param own `.carryon` of the served folder */
export async function openServerDirectory(own: Directory): Promise<Directory> {
  const made = await own.makeDirectory(name, 0o700)
  const directory = await own.openDirectory(name)
  for (const below of [grantsName, accountsName]) await directory.makeDirectory(below, 0o700)
  if (made) for (const each of [directory, own]) await each.sync()
  return directory
}

/** Whether the folder was ever served. */
export async function hasServerDirectory(own: Directory): Promise<boolean> {
  return (await own.stat(name))?.kind === 'directory'
}

/** All grants, oldest first. What is no grant is passed over: it opens nothing. */
export async function readGrants(server: Directory): Promise<Grant[]> {
  return within(server, grantsName, async (grants) => {
    const all: Grant[] = []
    for (const id of await grants.list()) {
      if (!/^[0-9a-f]{32}$/.test(id)) continue // One that is being written has another name.
      const grant = parseGrant(await textOf(grants, id))
      if (grant?.id === id) all.push(grant)
    }
    return all.toSorted((a, b) => a.createdAt - b.createdAt)
  })
}

/** Durable on return. */
export async function writeGrant(server: Directory, grant: Grant): Promise<void> {
  await within(server, grantsName, (grants) => replaceFile(grants, grant.id, Buffer.from(grantText(grant))))
}

/** What is none, or was damaged, is an empty one: an account bounds good manners, its grant's keys keep the door. */
export async function readAccount(server: Directory, id: string): Promise<Account> {
  return within(server, accountsName, async (accounts) => parseAccount(await textOf(accounts, id)) ?? emptyAccount)
}

/** Durable on return. */
export async function writeAccount(server: Directory, id: string, account: Account): Promise<void> {
  await within(server, accountsName, (accounts) => replaceFile(accounts, id, Buffer.from(JSON.stringify(account))))
}

/** Where the server listens, or last did, as tickets name it. */
export async function readAddresses(server: Directory): Promise<string[]> {
  return (await textOf(server, addressesName)).split('\n').filter((address) => address !== '')
}

/** How the server's tickets are proved, now or last. */
export async function readTrust(server: Directory): Promise<Trust> {
  const text = await textOf(server, trustName)
  return isTrust(text) ? text : 'psk'
}

export async function writeWhereabouts(server: Directory, addresses: readonly string[], trust: Trust): Promise<void> {
  await replaceFile(server, addressesName, Buffer.from(addresses.join('\n')))
  await replaceFile(server, trustName, Buffer.from(trust))
}

async function textOf(directory: Directory, name: string): Promise<string> {
  return Buffer.from((await readFile(directory, name, fileMaxBytes)) ?? []).toString()
}

function parseAccount(text: string): Account | undefined {
  try {
    const value = JSON.parse(text) as Account
    const counts = [value.begun, value.bytes, value.files]
    for (const { pages, bytes, files } of Object.values(value.open)) counts.push(pages, bytes, files)
    return counts.every((count) => Number.isSafeInteger(count) && count >= 0) ? value : undefined
  } catch {
    return undefined
  }
}

async function within<T>(server: Directory, name: string, act: (below: Directory) => Promise<T>): Promise<T> {
  const below = await server.openDirectory(name)
  try {
    return await act(below)
  } finally {
    await below.close()
  }
}
