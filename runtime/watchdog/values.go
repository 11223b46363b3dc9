package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// lookup is os.LookupEnv, or a stand-in for it.
type lookup func(string) (string, bool)

// values reads variables by the contract's rules: what cannot be read counts as not set, but we say so.
type values struct {
	env    lookup
	doubts []string
}

// text treats an empty variable as one that is not set.
func (v *values) text(name, fallback string) string {
	if text, _ := v.env(name); text != "" {
		return text
	}
	return fallback
}

func (v *values) number(name string, fallback int) int {
	text := v.text(name, "")
	if text == "" {
		return fallback
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < 0 {
		v.doubt(name, text, "a number of at least 0", strconv.Itoa(fallback))
		return fallback
	}
	return value
}

// truth takes what cannot be read for false, even where the variable is on by default.
func (v *values) truth(name string, fallback bool) bool { return v.truthElse(name, fallback, false) }

// truthElse says what a text means that cannot be read.
func (v *values) truthElse(name string, fallback, unreadable bool) bool {
	switch text := v.text(name, ""); text {
	case "":
		return fallback
	case "1", "t", "T", "TRUE", "true", "True":
		return true
	case "0", "f", "F", "FALSE", "false", "False":
		return false
	default:
		v.doubt(name, text, "true or false", strconv.FormatBool(unreadable))
		return unreadable
	}
}

func (v *values) duration(name string, fallback time.Duration) time.Duration {
	text := v.text(name, "")
	if text == "" {
		return fallback
	}
	value, err := parseDuration(text)
	if err != nil {
		v.doubt(name, text, "a duration like 10, 10s or 1m30s", fallback.String())
		return fallback
	}
	return value
}

func (v *values) doubt(name, text, wanted, used string) {
	v.doubts = append(v.doubts, fmt.Sprintf("`%s=%s` is not %s; using %s", name, text, wanted, used))
}

// parseDuration reads whole seconds (10) or Go's notation (1m30s). Like the contract it refuses a fraction or a
// negative number without a unit.
func parseDuration(text string) (time.Duration, error) {
	if seconds, err := strconv.ParseUint(strings.TrimPrefix(text, "+"), 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, nil
	}
	return time.ParseDuration(text)
}
