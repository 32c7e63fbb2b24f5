// The memory pair does what every Connection must.

import { memoryPair } from '../../src/transport/memory.ts'
import { connectionSuite } from './connection-suite.ts'

connectionSuite('memory', () => Promise.resolve(memoryPair()))
