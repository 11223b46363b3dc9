package calls

import (
	"net/http/httptest"
	"testing"
)

func TestTraceIsKeptOrCreated(t *testing.T) {
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Traceparent", good)
	if EnsureTrace(r); r.Header.Get("Traceparent") != good {
		t.Errorf("a good trace became %s", r.Header.Get("Traceparent"))
	}
	for _, bad := range []string{"", "00-1-2-3", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", good[:54]} {
		r.Header.Set("Traceparent", bad)
		if EnsureTrace(r); !TraceUsable(r.Header.Get("Traceparent")) || r.Header.Get("Traceparent") == bad {
			t.Errorf("%q became %q", bad, r.Header.Get("Traceparent"))
		}
	}
}

func TestRequestedTimeoutOnlyShortens(t *testing.T) {
	for text, want := range map[string]bool{"300ms": true, "0": false, "-1s": false, "1": false, "x": false, "": false} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Timeout", text)
		if got := RequestedTimeout(r) > 0; got != want {
			t.Errorf("%q: got %t", text, got)
		}
	}
}
