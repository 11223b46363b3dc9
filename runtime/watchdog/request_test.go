package main

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

// last returns the value a child would see: of variables with one name the last one counts.
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
		for wanted, text := range map[string]string{
			"Http_Method": "POST", "Http_Path": "/path", "Http_ContentLength": "4", "Http_Content_Length": "4", "HOME": "/root",
		} {
			if got, _ := last(env, wanted); got != text {
				t.Errorf("%s is %q with the header %q", wanted, got, name)
			}
		}
		if got, found := last(env, "Http_Query"); found != (query != "") || got != query {
			t.Errorf("Http_Query is %q with the header %q", got, name)
		}
		if _, found := last(env, "Http_Transfer_Encoding"); found {
			t.Errorf("the header %q poses as the transfer encoding", name)
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
		var back marshalled
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

func TestTraceIsKeptOrCreated(t *testing.T) {
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	r := request("GET", "/", "")
	r.Header.Set("Traceparent", good)
	if ensureTrace(r); r.Header.Get("Traceparent") != good {
		t.Errorf("a good trace became %s", r.Header.Get("Traceparent"))
	}
	for _, bad := range []string{"", "00-1-2-3", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", good[:54]} {
		r.Header.Set("Traceparent", bad)
		if ensureTrace(r); !traceUsable(r.Header.Get("Traceparent")) || r.Header.Get("Traceparent") == bad {
			t.Errorf("%q became %q", bad, r.Header.Get("Traceparent"))
		}
	}
}

func TestRequestedTimeoutOnlyShortens(t *testing.T) {
	for text, want := range map[string]bool{"300ms": true, "0": false, "-1s": false, "1": false, "x": false, "": false} {
		r := request("GET", "/", "")
		r.Header.Set("X-Timeout", text)
		if got := requestedTimeout(r) > 0; got != want {
			t.Errorf("%q: got %t", text, got)
		}
	}
}
