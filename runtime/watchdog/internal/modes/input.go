package modes

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Variables computed from the request itself; a header of such a name must not pose as one.
var reservedVariables = map[string]bool{
	"Http_Method": true, "Http_Query": true, "Http_Path": true, "Http_Host": true,
	"Http_ContentLength": true, "Http_Content_Length": true, "Http_Transfer_Encoding": true,
}

// requestEnvironment describes a request as variables: Http_ and the header's name with every dash an underscore.
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

// requestDocument is the document marshal_request gives to the process: sorted headers, the body in base64.
type requestDocument struct {
	Header http.Header  `json:"header"`
	Body   documentBody `json:"body"`
}

type documentBody struct {
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
	return json.Marshal(requestDocument{Header: r.Header, Body: documentBody{Raw: body}})
}
