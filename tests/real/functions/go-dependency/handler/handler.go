package function

import "github.com/google/uuid"

func Handle(req []byte) (string, error) {
	id, err := uuid.ParseBytes(req)
	return id.String() + " is a UUID", err
}
