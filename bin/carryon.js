#!/usr/bin/env node
// The command itself is src/cli/main.ts, bundled; this file only gives it a name to be called by.
import '../dist/command/main.js'
