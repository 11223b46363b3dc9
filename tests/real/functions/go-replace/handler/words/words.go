// Package words has words.
package words

// From is where they are from.
const From = " from a module beside it"
