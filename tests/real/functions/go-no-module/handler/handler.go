package function

func Handle(req []byte) string {
	return string(req) + ", without go.mod"
}
