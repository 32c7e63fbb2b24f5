// carryon send PATH...: what the command line says, handed to the library, and followed.

import { certificateFrom } from '../certificate.ts'
import { refuseTogether, type Call, type Result } from '../call.ts'
import { follow } from '../follow.ts'
import { Reporter } from '../report/reporter.ts'
import { refuseReusable, targetFrom } from '../secrets.ts'
import { readPatterns } from '../patterns.ts'
import { runOptions } from '../run-options.ts'
import { titleOf } from '../title.ts'

export async function send(call: Call): Promise<Result> {
  const { shell, operands, values } = call
  refuseTogether(values, [
    ['to', 'listen'],
    ['to', 'advertise'],
    ['to', 'ticketFile'],
    ['to', 'tlsCert'],
    ['to', 'tlsKey'],
    ['new', 'restart'],
  ])
  const to = values.to === undefined ? undefined : await targetFrom(values.to, shell, values.noInput !== true)
  const exclude = await readPatterns(values)
  const certificate = await certificateFrom(values, shell)
  const library = await shell.library()
  refuseReusable(values.to, to, library)
  const reporter = await Reporter.open(shell, values, { title: titleOf(operands), role: 'sender' })
  return follow(call, reporter, (following) =>
    library.send(operands, {
      ...runOptions(shell, values),
      ...certificate,
      ...following,
      to,
      exclude,
      as: values.as,
      links: values.links,
      special: values.special,
      onConflict: values.onConflict,
      durability: values.durability,
      checksum: values.checksum,
      chunkBytes: values.chunkSize,
      new: values.new,
      restart: values.restart,
    }),
  )
}
