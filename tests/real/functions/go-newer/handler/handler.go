package function

import "fmt"

func Handle([]byte) string {
	text := ""
	for number := range 3 {
		text += fmt.Sprint(number, " ")
	}
	return text
}
