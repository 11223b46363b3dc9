package function

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHandle(t *testing.T) {
	answer := httptest.NewRecorder()
	Handle(answer, httptest.NewRequest("POST", "/", strings.NewReader("test")))
	want := "Hello, Go. You said: test"
	if answer.Code != 200 || answer.Body.String() != want {
		t.Errorf("Handle answered %d %q, want 200 %q", answer.Code, answer.Body.String(), want)
	}
}
