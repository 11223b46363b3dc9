package function

import "strconv"

func Handle(req string) string {
	number, _ := strconv.Atoi(req)
	return strconv.Itoa(square(number))
}

func square(number int) int {
	return number * number
}
