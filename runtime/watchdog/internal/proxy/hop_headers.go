package proxy

import (
	"net/http"
	"strings"
)

// hopByHop are the fields that concern one connection, and those that this package writes.
var hopByHop = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true, "Content-Length": true,
}

// connectionOptions returns the other fields that the Connection header declares hop-by-hop.
func connectionOptions(header http.Header) map[string]bool {
	values := header["Connection"]
	if len(values) == 0 {
		return nil
	}
	var named map[string]bool
	for _, value := range values {
		for _, option := range strings.Split(value, ",") {
			option = http.CanonicalHeaderKey(strings.TrimSpace(option))
			if option == "" || option == "Close" || hopByHop[option] {
				continue
			}
			if named == nil {
				named = map[string]bool{}
			}
			named[option] = true
		}
	}
	return named
}

// upgradeOf returns the protocol that the client asks to switch to, or an empty text.
func upgradeOf(header http.Header) string {
	for _, value := range header["Connection"] {
		for _, option := range strings.Split(value, ",") {
			if strings.EqualFold(strings.TrimSpace(option), "upgrade") {
				return header.Get("Upgrade")
			}
		}
	}
	return ""
}
