package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Lookup returns the value of an environment variable, like os.LookupEnv.
type Lookup func(string) (string, bool)

// values reads variables by the rules of the contract: an invalid value counts as not set. Each adds a warning.
type values struct {
	env      Lookup
	warnings []string
}

// text returns the fallback also for an empty variable.
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
		v.warn(name, text, "a number of at least 0", strconv.Itoa(fallback))
		return fallback
	}
	return value
}

// parseBool treats an invalid value as false, also when the fallback is true.
func (v *values) parseBool(name string, fallback bool) bool {
	return v.parseBoolOr(name, fallback, false)
}

func (v *values) parseBoolOr(name string, fallback, invalid bool) bool {
	switch text := v.text(name, ""); text {
	case "":
		return fallback
	case "1", "t", "T", "TRUE", "true", "True":
		return true
	case "0", "f", "F", "FALSE", "false", "False":
		return false
	default:
		v.warn(name, text, "true or false", strconv.FormatBool(invalid))
		return invalid
	}
}

// choice reports whether a variable has the second of its two values; the first is the default.
func (v *values) choice(name, first, second string) bool {
	text := v.text(name, first)
	if text != first && text != second {
		v.warn(name, text, first+" or "+second, first)
	}
	return text == second
}

func (v *values) duration(name string, fallback time.Duration) time.Duration {
	text := v.text(name, "")
	if text == "" {
		return fallback
	}
	value, err := parseDuration(text)
	if err != nil {
		v.warn(name, text, "a duration like 10, 10s or 1m30s", fallback.String())
		return fallback
	}
	return value
}

func (v *values) warn(name, text, expected, used string) {
	v.warnings = append(v.warnings, fmt.Sprintf("`%s=%s` is not %s; using %s", name, text, expected, used))
}

// parseDuration parses whole seconds (10) or the notation of Go (1m30s). The contract rejects a fraction or a negative
// number without a unit.
func parseDuration(text string) (time.Duration, error) {
	if seconds, err := strconv.ParseUint(strings.TrimPrefix(text, "+"), 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, nil
	}
	return time.ParseDuration(text)
}
