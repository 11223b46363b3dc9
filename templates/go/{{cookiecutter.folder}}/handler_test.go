package function

import (
	"strings"
	"testing"
)

func TestHandle(t *testing.T) {
	if got := Handle([]byte("test")); !strings.Contains(got, "test") {
		t.Errorf("Handle answered %q, without what was said", got)
	}
}
