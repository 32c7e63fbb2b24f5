#!/usr/bin/env node
// The command itself is src/cli/main.ts; this file only gives it a name to be called by.
import '../dist/cli/main.js'
