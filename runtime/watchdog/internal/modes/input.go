package modes

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// reservedVariables are computed from the request. A header that maps to one of them is ignored.
var reservedVariables = map[string]bool{
	"Http_Method": true, "Http_Query": true, "Http_Path": true, "Http_Host": true,
	"Http_ContentLength": true, "Http_Content_Length": true, "Http_Transfer_Encoding": true,
}

// requestEnvironment adds the request to an environment: each header as Http_Name, with underscores for dashes.
func requestEnvironment(base []string, r *http.Request) []string {
	env := make([]string, len(base), len(base)+len(r.Header)+8)
	copy(env, base)
	for name, values := range r.Header {
		variable := "Http_" + strings.ReplaceAll(name, "-", "_")
		if !reservedVariables[variable] && len(values) > 0 {
			env = append(env, variable+"="+values[0])
		}
	}
	length := strconv.FormatInt(r.ContentLength, 10)
	env = append(env,
		"Http_Method="+r.Method,
		"Http_ContentLength="+length,
		"Http_Content_Length="+length,
		"Http_Path="+r.URL.Path,
	)
	if len(r.TransferEncoding) > 0 {
		env = append(env, "Http_Transfer_Encoding="+r.TransferEncoding[0])
	}
	if r.URL.RawQuery != "" {
		env = append(env, "Http_Query="+r.URL.RawQuery)
	}
	if r.Host != "" {
		env = append(env, "Http_Host="+r.Host)
	}
	return env
}

// requestDocument is the input of a process with marshal_request: the headers, and the body in base64.
type requestDocument struct {
	Header http.Header  `json:"header"`
	Body   documentBody `json:"body"`
}

type documentBody struct {
	Raw []byte `json:"raw"`
}

// marshalRequest reads the whole body and returns the document.
func marshalRequest(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	return json.Marshal(requestDocument{Header: r.Header, Body: documentBody{Raw: body}})
}
