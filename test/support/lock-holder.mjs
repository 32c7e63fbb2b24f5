// A process that tries to take the lock of the directory named on its command line, through the built package, says what
// came of it on stdout and stays until it is told to end. Started by lock tests, which kill it.

import { nodeDisk } from '../../dist/store/node-disk.js'
import { takeLock } from '../../dist/store/lock.js'

const directory = await nodeDisk.openRoot(process.argv[2])
const lock = await takeLock(directory, async (request) => ({ pid: process.pid, request }))
console.log(lock === undefined ? 'busy' : 'held')
process.stdin.resume() // Ends with its parent.
process.stdin.on('end', () => void lock?.release())
