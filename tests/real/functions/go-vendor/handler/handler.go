package function

import "example.com/nowhere/words"

func Handle(req []byte) string {
	return string(req) + words.From
}
