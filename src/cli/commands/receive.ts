// carryon receive [DIR]: what the command line says, handed to the library, and followed.

import { certificateFrom } from '../certificate.ts'
import { refuseTogether, type Call, type Result } from '../call.ts'
import { follow } from '../follow.ts'
import { Reporter } from '../report/reporter.ts'
import { runOptions } from '../run-options.ts'
import { refuseReusable, targetFrom } from '../secrets.ts'
import { titleOfFolder } from '../title.ts'

export async function receive(call: Call): Promise<Result> {
  const { shell, operands, values } = call
  refuseTogether(values, [
    ['from', 'listen'],
    ['from', 'advertise'],
    ['from', 'ticketFile'],
    ['from', 'tlsCert'],
    ['from', 'tlsKey'],
    ['new', 'restart'],
  ])
  const directory = operands[0] ?? '.'
  const from = values.from === undefined ? undefined : await targetFrom(values.from, shell, values.noInput !== true)
  const certificate = await certificateFrom(values, shell)
  const library = await shell.library()
  refuseReusable(values.from, from, library)
  const reporter = await Reporter.open(shell, values, {
    title: titleOfFolder(directory),
    role: 'receiver',
  })
  return follow(call, reporter, (following) =>
    library.receive(directory, {
      ...runOptions(shell, values),
      ...certificate,
      ...following,
      from,
      as: values.as,
      onConflict: values.onConflict,
      durability: values.durability,
      maxBytes: values.maxBytes,
      maxFiles: values.maxFiles,
      new: values.new,
      restart: values.restart,
    }),
  )
}
