package function

import "strings"

func Handle(req []byte) string {
	return strings.ToUpper(string(req))
}
