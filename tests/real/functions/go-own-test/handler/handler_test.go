package function

import "testing"

func TestSquare(t *testing.T) {
	if got := square(-3); got != 9 {
		t.Errorf("square(-3) = %d, want 9", got)
	}
}
