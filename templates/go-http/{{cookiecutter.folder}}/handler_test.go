package function

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHandle(t *testing.T) {
	answer := httptest.NewRecorder()
	Handle(answer, httptest.NewRequest("POST", "/", strings.NewReader("test")))
	if answer.Code != 200 || !strings.Contains(answer.Body.String(), "test") {
		t.Errorf("Handle answered %d %q, want 200 and what was said", answer.Code, answer.Body.String())
	}
}
