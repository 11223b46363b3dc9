// Finds the handler and what to call in it, however it is written: CommonJS, an ES module, or compiled to either.
'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { pathToFileURL } = require('node:url')

const folder = path.join(__dirname, 'function')

function packageJson() {
  try {
    return JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'))
  } catch {
    return {}
  }
}

// The handler's file; null when there is none.
function findHandler() {
  const places = ['', 'dist', 'build', 'lib'].flatMap((each) =>
    ['handler.js', 'handler.mjs', 'handler.cjs', 'handler/index.js'].map((name) => path.join(folder, each, name)),
  )
  const main = packageJson().main
  if (main) places.push(path.join(folder, main))
  return places.find((file) => fs.existsSync(file)) || null
}

function isModule(file) {
  return file.endsWith('.mjs') || (file.endsWith('.js') && packageJson().type === 'module')
}

// The function among what a file exports; undefined when there is none.
function pick(exported) {
  const inner = exported?.default
  const found = [exported, inner, inner?.default, exported?.handle, exported?.handler, inner?.handle, inner?.handler]
  return found.find((each) => typeof each === 'function')
}

// What the handler's file exports. Node's remarks on how it was written would end up in an answer.
async function load(file = findHandler()) {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return isModule(file) ? await import(pathToFileURL(file)) : require(file)
  } finally {
    process.emitWarning = emitWarning
  }
}

module.exports = { findHandler, folder, load, packageJson, pick }
