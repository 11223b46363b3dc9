package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func environment(pairs ...string) Lookup {
	set := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		set[pairs[i]] = pairs[i+1]
	}
	return func(name string) (string, bool) { value, found := set[name]; return value, found }
}

func TestDefaultsAreTheClassicContract(t *testing.T) {
	c, err := Read(environment("fprocess", "cat"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Mode != ModeFork || c.Port != 8080 || c.MetricsPort != 8081 || c.ExecTimeout != 0 || c.WriteTimeout != defaultTimeout ||
		c.HealthcheckInterval != defaultTimeout || !c.CGIHeaders || !c.combineOutput || c.LockFile != "/tmp/.lock" {
		t.Errorf("unexpected defaults: %+v", c)
	}
}

func TestInvalidValuesAreNamed(t *testing.T) {
	c, err := Read(environment("fprocess", "cat", "read_timeout", "soon", "port", "http", "marshal_request", "yes",
		"log_format", "xml", "jwt_auth_local", "2"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.ReadTimeout != defaultTimeout || c.Port != 8080 || c.MarshalRequest {
		t.Errorf("unexpected values: %+v", c)
	}
	warnings := strings.Join(c.Warnings, "\n")
	for _, name := range []string{"read_timeout=soon", "port=http", "marshal_request=yes", "log_format=xml", "jwt_auth_local=2"} {
		if !strings.Contains(warnings, name) {
			t.Errorf("%s is not named in %q", name, warnings)
		}
	}
}

func TestUnusableValuesAreRejectedByName(t *testing.T) {
	for variable, value := range map[string]string{
		"port": "65536", "metrics_port": "70000", "mode": "bogus", "upstream_url": "127.0.0.1:1", "http_upstream_url": "x", "warm": "2",
		"jwt_auth_authority": "gateway:8080",
	} {
		pairs := []string{"fprocess", "cat", "jwt_auth", "true", "OPENFAAS_NAME", "n", "OPENFAAS_NAMESPACE", "ns", variable, value}
		if strings.HasSuffix(variable, "upstream_url") {
			pairs = append(pairs, "mode", "http")
		}
		if _, err := Read(environment(pairs...), nil); err == nil || !strings.Contains(err.Error(), "`"+variable+"="+value+"`") {
			t.Errorf("%s=%s: got %v", variable, value, err)
		}
	}
}

func TestArgumentsAreTheCommandWithoutFprocess(t *testing.T) {
	arguments := []string{"sh", "-c", "echo a b"}
	c, err := Read(environment(), arguments)
	if err != nil || !slices.Equal(c.Command, arguments) {
		t.Errorf("got %q, %v", c.Command, err)
	}
	if c, _ = Read(environment("fprocess", "cat -n"), arguments); !slices.Equal(c.Command, []string{"cat", "-n"}) {
		t.Errorf("fprocess does not win: %q", c.Command)
	}
}

func TestHealthIntervalFollowsWriteTimeout(t *testing.T) {
	c, _ := Read(environment("fprocess", "cat", "write_timeout", "7"), nil)
	if c.HealthcheckInterval != 7*time.Second {
		t.Errorf("healthcheck_interval is %s", c.HealthcheckInterval)
	}
}

func TestEveryVariableIsInTheHelp(t *testing.T) {
	var names []string
	record := func(name string) (string, bool) {
		names = append(names, name)
		return map[string]string{"mode": "http", "fprocess": "x", "jwt_auth": "true"}[name], false
	}
	_, _ = Read(record, nil)
	known := map[string]bool{"function_process": true, "http_upstream_url": true, "buffer_http": true}
	for _, each := range new(Config).settings() {
		known[each.name] = true
	}
	for _, name := range names {
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
