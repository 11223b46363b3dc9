// A step of the build: compiles TypeScript, then loads the handler and sees whether it can be called.
//
//     node check.js stdin|http     the step itself
//     node check.js tools          gets the compiler, if package.json names it: part of the dependencies
'use strict'

const { spawnSync } = require('node:child_process')
const crypto = require('node:crypto')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const LOAD_TIMEOUT_MS = 20000
const EXPECTED = {
  stdin: '`module.exports = async (input) => ...` or `export default async (input) => ...`',
  http: '`module.exports = async (event, context) => ...`, `export default ...`, or an Express application',
}
// What is wrong with the file itself; all else may be due to where it is loaded.
const WRONG = ['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND', 'ERR_REQUIRE_ESM', 'ERR_PACKAGE_PATH_NOT_EXPORTED']

const folder = path.join(__dirname, 'function')

function refuse(text) {
  console.error(text)
  process.exit(1)
}

function packageJson() {
  try {
    return JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'))
  } catch (err) {
    if (err.code === 'ENOENT') return {}
    return refuse(`function/package.json: ${err.message}`)
  }
}

function sources(place = folder) {
  return fs.readdirSync(place, { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(place, entry.name)
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : sources(name)
    return /\.[cm]?ts$/.test(name) && !/\.d\.[cm]?ts$/.test(name) ? [name] : []
  })
}

// The folder with TypeScript and Node's types: the function's own, the machine's, or fetched once for all functions.
function tools() {
  const wanted = packageJson().devDependencies || {}
  const npmGlobal = () => spawnSync('npm', ['root', '--global'], { encoding: 'utf8' }).stdout?.trim()
  const present = (place) => place && fs.existsSync(path.join(place, 'typescript', 'bin', 'tsc'))
  const own = path.join(folder, 'node_modules')
  if (present(own)) return own
  const names = [`typescript@${wanted.typescript || '5'}`, `@types/node@${wanted['@types/node'] || '22'}`]
  const key = crypto.createHash('sha256').update(names.join()).digest('hex').slice(0, 12)
  const cache = path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'faas', `typescript-${key}`)
  if (present(path.join(cache, 'node_modules'))) return path.join(cache, 'node_modules')
  const shared = npmGlobal()
  if (!wanted.typescript && present(shared)) return shared
  fs.mkdirSync(path.dirname(cache), { recursive: true })
  const aside = fs.mkdtempSync(`${cache}-`)
  const quiet = ['--no-save', '--no-audit', '--no-fund', '--loglevel=error']
  const done = spawnSync('npm', ['install', ...quiet, '--prefix', aside, ...names], { stdio: 'inherit' })
  if (done.status !== 0) refuse('the function is written in TypeScript, and its compiler cannot be fetched')
  try {
    fs.renameSync(aside, cache)
  } catch {
    fs.rmSync(aside, { recursive: true }) // another build was faster
  }
  return path.join(cache, 'node_modules')
}

function compile() {
  const files = sources()
  if (!files.length) return
  const modules = tools()
  const types = [path.join(modules, '@types'), path.join(folder, 'node_modules', '@types')].filter(fs.existsSync)
  const own = fs.existsSync(path.join(folder, 'tsconfig.json'))
  const options = own
    ? ['--project', 'function']
    : ['--module', 'node16', '--target', 'es2022', '--esModuleInterop', '--skipLibCheck', '--inlineSourceMap', ...files]
  const known = types.length ? ['--typeRoots', types.join(','), '--types', 'node'] : []
  const done = spawnSync(process.execPath, [path.join(modules, 'typescript/bin/tsc'), ...options, ...known], {
    cwd: __dirname,
    stdio: 'inherit',
  })
  if (done.status !== 0) refuse('the function does not compile')
}

function reason(err) {
  const text = String(err.stack || err)
  if (err instanceof SyntaxError) {
    const hint = /Unexpected token 'export'|import statement outside/.test(text)
      ? '\nIt is an ES module: say `"type": "module"` in package.json, or call it handler.mjs.'
      : ''
    return text.split('\n    at ')[0].replace(/\n\s*\n+/g, '\n') + hint
  }
  if (/not defined in ES module scope/.test(text)) return String(err.message)
  if (WRONG.includes(err.code)) {
    const [, name] = /Cannot find (?:module|package) '([^']+)'/.exec(text) || []
    const foreign = name && !/^[./]/.test(name)
    return `${err.message.split('\n')[0]}${foreign ? `\nAdd it: \`npm install ${name}\` in the function's folder.` : ''}`
  }
  return null
}

async function check(kind) {
  const { findHandler, load, pick } = require('./load')
  const file = findHandler()
  if (!file) refuse(`function/ has no handler.js, handler.mjs, handler.cjs or handler.ts; expected one with ${EXPECTED[kind]}`)
  const shown = path.relative(__dirname, file)
  setTimeout(() => {
    console.log(`${shown} was still loading after ${LOAD_TIMEOUT_MS / 1000} s, so it has not been checked`)
    process.exit(0)
  }, LOAD_TIMEOUT_MS)
  let exported
  try {
    exported = await load(file)
  } catch (err) {
    const wrong = reason(err)
    if (wrong) refuse(`${shown} cannot be loaded: ${wrong.replaceAll(`${__dirname}/`, '')}`)
    console.log(`${shown} cannot be loaded here, so it has not been checked: ${err}`)
    process.exit(0)
  }
  const handler = pick(exported)
  if (!handler || /^class\b/.test(Function.prototype.toString.call(handler))) {
    refuse(`${shown} exports nothing that can be called; expected ${EXPECTED[kind]}`)
  }
  if (kind === 'stdin' && typeof handler.listen === 'function') {
    refuse(`${shown} exports an application, which the template node-http serves; expected ${EXPECTED[kind]}`)
  }
  process.exit(0)
}

if (process.argv[2] === 'tools') {
  if (packageJson().devDependencies?.typescript) tools()
} else {
  packageJson()
  compile()
  check(process.argv[2])
}
