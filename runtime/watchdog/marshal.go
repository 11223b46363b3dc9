package main

import (
	"encoding/json"
	"io"
	"net/http"
)

// marshalled is the document marshal_request gives to the process: sorted headers, the body in base64.
type marshalled struct {
	Header http.Header `json:"header"`
	Body   rawBody     `json:"body"`
}

type rawBody struct {
	Raw []byte `json:"raw"`
}

// marshalRequest reads the whole body: the document needs its end before it can begin.
func marshalRequest(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if body == nil {
		body = []byte{}
	}
	return json.Marshal(marshalled{Header: r.Header, Body: rawBody{Raw: body}})
}
