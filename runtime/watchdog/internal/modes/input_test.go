package modes

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func request(method, target, body string) *http.Request {
	return httptest.NewRequest(method, target, strings.NewReader(body))
}

// last returns the value that a process reads: the last of several variables of one name.
func last(env []string, name string) (string, bool) {
	value, found := "", false
	for _, entry := range env {
		if key, text, _ := strings.Cut(entry, "="); key == name {
			value, found = text, true
		}
	}
	return value, found
}

func FuzzRequestEnvironment(f *testing.F) {
	f.Add("X-A", "1", "a=b")
	f.Add("Method", "EVIL", "")
	f.Add("Contentlength", "9", "")
	f.Add("Transfer-Encoding", "x", "q")
	f.Fuzz(func(t *testing.T, name, value, query string) {
		r := request("POST", "/path", "body")
		r.URL.RawQuery = query
		r.Header.Set(name, value)
		env := requestEnvironment([]string{"HOME=/root"}, r)
		for variable, text := range map[string]string{
			"Http_Method": "POST", "Http_Path": "/path", "Http_ContentLength": "4", "Http_Content_Length": "4", "HOME": "/root",
		} {
			if got, _ := last(env, variable); got != text {
				t.Errorf("%s is %q with the header %q", variable, got, name)
			}
		}
		if got, found := last(env, "Http_Query"); found != (query != "") || got != query {
			t.Errorf("Http_Query is %q with the header %q", got, name)
		}
		if _, found := last(env, "Http_Transfer_Encoding"); found {
			t.Errorf("the header %q sets the transfer encoding", name)
		}
		for _, entry := range env[1:] {
			if !strings.HasPrefix(entry, "Http_") {
				t.Errorf("the header %q became %q", name, entry)
			}
		}
	})
}

func FuzzMarshalRequest(f *testing.F) {
	f.Add("X-A", "<&>\"", []byte("hello"))
	f.Add("X-A", "\xff", []byte{0, 255})
	f.Fuzz(func(t *testing.T, name, value string, body []byte) {
		r := httptest.NewRequest("POST", "/", bytes.NewReader(body))
		r.Header = http.Header{name: {value, ""}}
		document, err := marshalRequest(r)
		if err != nil {
			t.Fatal(err)
		}
		var back requestDocument
		if err := json.Unmarshal(document, &back); err != nil {
			t.Fatalf("%s is not JSON: %v", document, err)
		}
		if !bytes.Equal(back.Body.Raw, body) {
			t.Errorf("the body %q became %q", body, back.Body.Raw)
		}
		if !bytes.HasPrefix(document, []byte(`{"header":{`)) {
			t.Errorf("the keys' order is wrong: %s", document)
		}
	})
}
