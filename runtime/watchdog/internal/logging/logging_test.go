package logging

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestLogLinesOfAnyLength(t *testing.T) {
	var out bytes.Buffer
	New(&out, io.Discard, Options{LineLimit: 2000}).CopyLines("stderr", strings.NewReader(strings.Repeat("x", 5000)+"\nshort\nunfinished"))
	lines := strings.Split(out.String(), "\n")
	if got := strings.Join(lines[:3], ""); len(got) != 5000 || lines[3] != "short" || lines[4] != "unfinished" {
		t.Errorf("got %q", lines)
	}
}

func TestHumanSize(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0B", 999: "999B", 2049: "2.049kB", 104857600: "104.9MB"} {
		if got := humanSize(bytes); got != want {
			t.Errorf("%d: got %s, want %s", bytes, got, want)
		}
	}
}
