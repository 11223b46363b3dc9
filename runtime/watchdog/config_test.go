package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func environment(pairs ...string) lookup {
	set := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		set[pairs[i]] = pairs[i+1]
	}
	return func(name string) (string, bool) { value, found := set[name]; return value, found }
}

func TestDefaultsAreTheClassicContract(t *testing.T) {
	c, err := readConfig(environment("fprocess", "cat"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.mode != modeFork || c.port != 8080 || c.metricsPort != 8081 || c.execTimeout != 0 || c.writeTimeout != defaultTimeout ||
		c.healthInterval != defaultTimeout || !c.cgiHeaders || !c.combineOutput || c.lockFile != "/tmp/.lock" {
		t.Errorf("unexpected defaults: %+v", c)
	}
}

func TestValuesThatCannotBeReadAreNamed(t *testing.T) {
	c, err := readConfig(environment("fprocess", "cat", "read_timeout", "soon", "port", "http", "marshal_request", "yes"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.readTimeout != defaultTimeout || c.port != 8080 || c.marshalRequest {
		t.Errorf("unexpected values: %+v", c)
	}
	doubts := strings.Join(c.doubts, "\n")
	for _, name := range []string{"read_timeout=soon", "port=http", "marshal_request=yes"} {
		if !strings.Contains(doubts, name) {
			t.Errorf("%s is not named in %q", name, doubts)
		}
	}
}

func TestArgumentsStandInForTheCommand(t *testing.T) {
	arguments := []string{"sh", "-c", "echo a b"}
	c, err := readConfig(environment(), arguments)
	if err != nil || !slices.Equal(c.command, arguments) {
		t.Errorf("got %q, %v", c.command, err)
	}
	if c, _ = readConfig(environment("fprocess", "cat -n"), arguments); !slices.Equal(c.command, []string{"cat", "-n"}) {
		t.Errorf("fprocess does not win: %q", c.command)
	}
}

func TestHealthIntervalFollowsWriteTimeout(t *testing.T) {
	c, _ := readConfig(environment("fprocess", "cat", "write_timeout", "7"), nil)
	if c.healthInterval != 7*time.Second {
		t.Errorf("healthcheck_interval is %s", c.healthInterval)
	}
}

func TestEveryVariableIsInTheHelp(t *testing.T) {
	var asked []string
	record := func(name string) (string, bool) {
		asked = append(asked, name)
		return map[string]string{"mode": "http", "fprocess": "x", "jwt_auth": "true"}[name], false
	}
	_, _ = readConfig(record, nil)
	known := map[string]bool{"function_process": true, "http_upstream_url": true, "buffer_http": true}
	for _, each := range variables {
		known[each.name] = true
	}
	for _, name := range asked {
		if !known[name] {
			t.Errorf("%s is read and not in the help", name)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{"10": 10 * time.Second, "+7": 7 * time.Second, "1m30s": 90 * time.Second, "-5s": -5 * time.Second} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%q: got %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"-5", "1.5", "10 s", "1d", "0x10", "99999999999999999999"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q: got %s, want an error", text, got)
		}
	}
}

func TestShortest(t *testing.T) {
	if got := shortest(0, 3*time.Second, -1, 2*time.Second); got != 2*time.Second {
		t.Errorf("got %s", got)
	}
	if got := shortest(0, -1); got != 0 {
		t.Errorf("no limit at all: got %s", got)
	}
}

func TestHumanSize(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0B", 999: "999B", 2049: "2.049kB", 104857600: "104.9MB"} {
		if got := humanSize(bytes); got != want {
			t.Errorf("%d: got %s, want %s", bytes, got, want)
		}
	}
}
