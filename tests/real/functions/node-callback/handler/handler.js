'use strict'

module.exports = (context, callback) => {
  callback(undefined, { said: context })
}
