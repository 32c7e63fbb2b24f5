// Runs the tests for Stryker, in its process and without Vitest around them, which would start anew for each of thousands of
// mutants: a file of tests is evaluated afresh instead, and what its sources do when they are loaded is mutated, too. The
// quickest files are asked first, and the first red test ends it. Who waits for what nothing can bring is found at once, by
// an event loop that has run dry, and who goes round and round by counting (bundles.mjs); Stryker calls both timeouts.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as vitestExpect from '@vitest/expect'
import * as vitestRunner from '@vitest/runner'
import { globSync } from 'tinyglobby'
import { evaluatorOf } from './bundles.mjs'

const bundles = '.bundles' // In the copy that Stryker has mutated, where its processes work.
const costsFile = join(bundles, 'costs.json')

/** So many times the steps that a test takes are an endless loop: one of promises alone lets no clock end it. */
const stepFactor = 20
const stepsAtLeast = 200_000

/** Stryker's names for what became of a test. */
const passed = 0
const failed = 1

/** What the mutated sources look at, and where they count. */
const mutation = (globalThis.__stryker__ ??= {})

/** What the tests import by the name of Vitest. */
const vitest = { ...vitestRunner, expect: expectation() }

function expectation() {
  const { chai, JestExtend, JestChaiExpect, JestAsymmetricMatchers } = vitestExpect
  for (const plugin of [JestExtend, JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin)
  const expect = Object.assign((value, why) => chai.expect(value, why), chai.expect)
  globalThis[vitestExpect.GLOBAL_EXPECT] = expect
  vitestExpect.setState({ assertionCalls: 0 }, expect)
  return expect
}

class Runner {
  static inject = ['options']
  #tests
  #leaveOut
  /** By file, what evaluates it. */
  #evaluators = new Map()
  /** How long the tests of a file took, and in how many steps each of them. */
  #costs

  constructor({ carryon: { tests, leaveOut } }) {
    this.#tests = tests
    this.#leaveOut = leaveOut
  }

  capabilities() {
    return { reloadEnvironment: true }
  }

  async init() {
    for (const file of globSync(this.#tests)) this.#evaluators.set(file, await evaluatorOf(file, bundles))
  }

  /** What a file does while it is loaded counts for each of its tests. */
  async dryRun() {
    const perTest = {}
    Object.assign(mutation, { activeMutant: undefined, mutantCoverage: { static: {}, perTest } })
    const tests = []
    this.#costs = { ms: {}, steps: {} }
    const { ms, steps } = this.#costs
    for (const file of this.#evaluators.keys()) {
      const { results } = await this.#run(file, {
        isWanted: ({ name }) => !this.#leaveOut.includes(name),
        began: (id) => Object.assign(mutation, { currentTestId: id, steps: 0 }),
        ended: (id) => {
          steps[id] = mutation.steps
          mutation.currentTestId = undefined
        },
      })
      for (const { id } of results) perTest[id] = sum(perTest[id], perTest[file])
      delete perTest[file]
      ms[file] = results.reduce((sum, { timeSpentMs }) => sum + timeSpentMs, 0)
      tests.push(...results)
    }
    writeFileSync(costsFile, JSON.stringify(this.#costs))
    return { status: 'complete', tests, mutantCoverage: mutation.mutantCoverage }
  }

  async mutantRun({ activeMutant, testFilter, hitLimit }) {
    this.#costs ??= JSON.parse(readFileSync(costsFile, 'utf8'))
    Object.assign(mutation, { activeMutant: activeMutant.id, hitCount: 0, hitLimit, isEndless: false })
    const wanted = new Set(testFilter)
    const { ms, steps } = this.#costs
    const files = [...new Set(testFilter.map(fileOf))].sort((a, b) => ms[a] - ms[b])
    let nrOfTests = 0
    for (const file of files) {
      let isRed = false
      const { results, isStuck } = await this.#run(file, {
        isWanted: ({ id }) => wanted.has(id) && !isRed,
        began: (id) => Object.assign(mutation, { steps: 0, stepLimit: Math.max(stepsAtLeast, steps[id] * stepFactor) }),
        ended: (_id, isFailed) => (isRed ||= isFailed),
      })
      if (mutation.hitCount > hitLimit || mutation.isEndless)
        return { status: 'timeout', reason: 'it goes round and round' }
      if (isStuck) return { status: 'timeout', reason: 'it waits for ever' }
      nrOfTests += results.length
      const red = results.find(({ status }) => status === failed)
      if (red) return { status: 'killed', killedBy: [red.id], failureMessage: red.failureMessage, nrOfTests }
    }
    return { status: 'survived', nrOfTests }
  }

  async #run(file, { isWanted, began, ended }) {
    Object.assign(mutation, { currentTestId: file, steps: 0, stepLimit: Infinity })
    const tests = vitestRunner.startTests([file], {
      config,
      importFile: () => this.#evaluators.get(file)((name) => (name === 'vitest' ? vitest : import(name))),
      onBeforeRunTask(test) {
        const id = idOf(file, test)
        if (isWanted({ id, name: test.name })) began(id)
        else test.mode = 'skip'
      },
      onAfterRunTask: (test) => ended(idOf(file, test), test.result?.state === 'fail'),
    })
    const { done, thrown } = await watched(tests)
    if (thrown !== undefined) return { results: [redBy(file, thrown)] }
    if (done === undefined) return { results: [], isStuck: true }
    return { results: done.flatMap((suite) => resultsOf(file, suite)) }
  }
}

const config = {
  root: '',
  setupFiles: [],
  allowOnly: true,
  passWithNoTests: true,
  sequence: { hooks: 'stack', setupFiles: 'list' },
  maxConcurrency: Infinity, // Tests that are stuck keep their places for ever.
  testTimeout: 0,
  hookTimeout: 0,
  retry: 0,
  tags: [],
}

const fileOf = (id) => id.slice(0, id.indexOf('#'))

function idOf(file, test) {
  const names = []
  for (let task = test; task !== undefined && task !== test.file; task = task.suite) names.unshift(task.name)
  return `${file}#${names.join(' ')}`
}

function sum(to = {}, from = {}) {
  for (const [id, count] of Object.entries(from)) to[id] = (to[id] ?? 0) + count
  return to
}

/** Of the tests of a suite that ran, and of the suite itself where it failed as a whole. */
function resultsOf(file, suite) {
  const [error] = suite.result?.errors ?? []
  const tests = suite.tasks.flatMap((task) => (task.type === 'suite' ? resultsOf(file, task) : resultOf(file, task)))
  return error === undefined ? tests : [...tests, redBy(file, error)]
}

function resultOf(file, { result, ...test }) {
  const id = idOf(file, test)
  if (result?.state === 'fail') return [redBy(id, result.errors[0])]
  return result?.state === 'pass' ? [{ id, name: id, status: passed, timeSpentMs: result.duration ?? 0 }] : []
}

function redBy(id, error) {
  return { id, name: id, status: failed, timeSpentMs: 0, failureMessage: String(error?.message ?? error) }
}

/**
 * Waits for tests, or until nothing can happen any more; the channel to Stryker keeps the loop alive, so it is let go
 * meanwhile. @returns `done` unless they are stuck, and what was thrown beside them
 */
async function watched(tests) {
  let ranDry
  let thrown
  const stuck = new Promise((resolve) => (ranDry = () => resolve(undefined)))
  const threw = (error) => (thrown ??= error)
  process.once('beforeExit', ranDry).on('uncaughtException', threw).on('unhandledRejection', threw)
  process.channel?.unref()
  try {
    const done = await Promise.race([tests, stuck])
    return { done, thrown }
  } finally {
    process.channel?.ref()
    process.off('beforeExit', ranDry).off('uncaughtException', threw).off('unhandledRejection', threw)
  }
}

export const strykerPlugins = [{ kind: 'TestRunner', name: 'carryon', injectableClass: Runner }]
