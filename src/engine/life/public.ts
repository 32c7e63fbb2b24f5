// The functions of the library (engine/api.ts) over the real world.

import type { CarryonApi } from '../api.ts'
import { doctor as diagnose } from './managing/doctor.ts'
import * as manage from './managing/manage.ts'
import { nodeWorld } from './running/node-world.ts'
import { startRun } from './running/run.ts'
import { startServer } from './serving/serve.ts'
import * as stdio from './serving/serve-stdio.ts'
import * as office from './serving/ticket-office.ts'
import { describe, writeTicketFile } from './known/tickets.ts'
import * as verifying from './running/verify.ts'
import { receiveBody, resumeBody, sendBody, watchBody } from './roads/transfer.ts'

export const send: CarryonApi['send'] = (paths, options = {}) =>
  startRun('sender', options, nodeWorld, (context) => sendBody(context, paths, options))

export const receive: CarryonApi['receive'] = (directory, options = {}) =>
  startRun('receiver', options, nodeWorld, (context) => receiveBody(context, directory, options))

export const resumeSession: CarryonApi['resumeSession'] = (id, options = {}) =>
  startRun(null, options, nodeWorld, (context) => resumeBody(context, id, options))

export const watchSession: CarryonApi['watchSession'] = (id, options = {}) =>
  startRun(null, options, nodeWorld, (context) => watchBody(context, id, options))

export const serve: CarryonApi['serve'] = (directory, options = {}) => startServer(directory, options, nodeWorld)

export const serveStdio: CarryonApi['serveStdio'] = (streams, options = {}) =>
  stdio.serveStdio(streams, options, nodeWorld)

export const newTicket: CarryonApi['newTicket'] = async (directory, options) =>
  office.newTicket(await nodeWorld(), directory, options)

export const listTickets: CarryonApi['listTickets'] = async (directory) =>
  office.listTickets(await nodeWorld(), directory)

export const revokeTicket: CarryonApi['revokeTicket'] = async (directory, ticket) =>
  office.revokeTicket(await nodeWorld(), directory, ticket)

export const rotateTicket: CarryonApi['rotateTicket'] = async (directory, ticket, options = {}) =>
  office.rotateTicket(await nodeWorld(), directory, ticket, options)

export const writeTicket: CarryonApi['writeTicket'] = async (path, ticket) =>
  writeTicketFile(await nodeWorld(), path, ticket)

export const describeTicket: CarryonApi['describeTicket'] = (ticket) => describe(ticket)

export const listSessions: CarryonApi['listSessions'] = async (options = {}) =>
  manage.listSessions(await nodeWorld(), options)

export const sessionStatus: CarryonApi['sessionStatus'] = async (id, options = {}) =>
  manage.sessionStatus(await nodeWorld(), id, options)

export const pauseSession: CarryonApi['pauseSession'] = async (id, options = {}) =>
  manage.pauseSession(await nodeWorld(), id, options)

export const discardExpired: CarryonApi['discardExpired'] = async (options = {}) =>
  manage.discardExpired(await nodeWorld(), options)

export const doctor: CarryonApi['doctor'] = async (options = {}) => diagnose(await nodeWorld(), options)

export const verify: CarryonApi['verify'] = async (asked, options = {}) =>
  verifying.verify(await nodeWorld(), asked, options)

export const limitSession: CarryonApi['limitSession'] = async (id, bytesPerSecond, options = {}) =>
  manage.limitSession(await nodeWorld(), id, bytesPerSecond, options)

export const discardSession: CarryonApi['discardSession'] = async (id, options = {}) =>
  manage.discardSession(await nodeWorld(), id, options)
