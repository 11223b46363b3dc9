// Package quote puts text in brackets.
package quote

import "bytes"

// In is the text in brackets.
func In(text []byte) []byte {
	return bytes.Join([][]byte{{'<'}, text, {'>'}}, nil)
}
