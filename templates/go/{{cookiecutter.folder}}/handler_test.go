package function

import "testing"

func TestHandle(t *testing.T) {
	got := Handle([]byte("test"))
	want := "Hello, Go. You said: test"
	if got != want {
		t.Errorf("Handle answered %q, want %q", got, want)
	}
}
