package function

import "example.com/words"

func Handle(req []byte) string {
	return string(req) + words.From
}
