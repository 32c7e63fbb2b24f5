// The one error for bytes that break the rules.

import { TransferError } from '../errors.ts'
import { display } from '../model/display.ts'

const whyMaxChars = 300

/** @param why a clause without its full stop; what a peer put into it is made safe to show */
export function refusal(why: string): TransferError<'protocol'> {
  return new TransferError('protocol', { why: display(why.slice(0, whyMaxChars)) })
}
