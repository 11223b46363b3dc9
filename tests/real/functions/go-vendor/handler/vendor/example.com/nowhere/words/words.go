// Package words has words.
package words

// From is where they are from.
const From = " from the vendor folder"
