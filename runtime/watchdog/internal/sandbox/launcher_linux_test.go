//go:build amd64 || arm64

package sandbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fwatchdog/internal/sandbox/policy"
)

// function is the program of testdata/function, which is built once.
var function = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "fwatchdog-function-")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(folder, "function")
	arguments := []string{"build", "-o", binary}
	if coverageFolder() != "" {
		// The main package writes the counters, so it must be among them.
		packages, err := exec.Command("go", "list", "./...", "./testdata/function").Output()
		if err != nil {
			return "", err
		}
		arguments = append(arguments, "-cover", "-covermode=atomic", "-coverpkg="+strings.Join(strings.Fields(string(packages)), ","))
	}
	build := exec.Command("go", append(arguments, "./testdata/function")...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, output)
	}
	return binary, os.Chmod(folder, 0o711)
})

// coverageFolder is where this run's counters go, empty if coverage is not measured. GOCOVERDIR is go test's own.
func coverageFolder() string { return flag.Lookup("test.gocoverdir").Value.String() }

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := function(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// programPath returns the path of the program.
func programPath(t *testing.T) string {
	t.Helper()
	path, err := function()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// machineReport is what the program's probe finds here.
var machineReport *Report

// needs skips a test if the machine does not offer a level, or a part of one.
func needs(t *testing.T, level policy.Level, parts ...string) {
	t.Helper()
	if machineReport == nil {
		command := exec.Command(programPath(t), "-isolation-probe")
		if folder := coverageFolder(); folder != "" {
			command.Env = append(os.Environ(), "GOCOVERDIR="+folder)
		}
		output, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		machineReport = &Report{}
		if err := json.Unmarshal(output, machineReport); err != nil {
			t.Fatal(err)
		}
	}
	if slices.Index(policy.Levels, machineReport.Level) > slices.Index(policy.Levels, level) {
		t.Skipf("this machine offers %s: %v", machineReport.Level, machineReport.Missing)
	}
	for _, part := range parts {
		if !machineReport.Parts[part] {
			t.Skipf("this machine has no %s: %v", part, machineReport.Missing)
		}
	}
}

// sandboxed is a launched test function.
type sandboxed struct {
	*exec.Cmd
	folder string
	output *bytes.Buffer
	lines  *bufio.Scanner // of a function that runs on
}

// prepare returns a function that has not been started: its policy is changed by the test.
func prepare(t *testing.T, level policy.Level, change func(p *policy.Policy)) *sandboxed {
	t.Helper()
	base := t.TempDir()
	// A function with a number of its own must reach its folders.
	for _, folder := range []string{base, filepath.Dir(base)} {
		if err := os.Chmod(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p := &policy.Policy{
		Level: level, Hostname: "api", Rootfs: base + "/image", Root: base + "/root", Tmp: base + "/tmp", Secrets: base + "/secrets",
		Show: []string{"/usr", "/bin", "/lib", "/lib64", "/sbin"}, Network: policy.Host, Workdir: base + "/image/home/app", ParentPID: os.Getpid(),
	}
	for _, folder := range []string{p.Workdir, p.Root, p.Tmp, p.Secrets} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(p.Secrets+"/key", []byte("value"), 0o644); err != nil {
		t.Fatal(err)
	}
	if level == policy.Namespaces {
		p.Workdir = "/home/app"
	}
	if change != nil {
		change(p)
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return launch(t, base, text)
}

// launch makes the command of a launcher with a policy.
func launch(t *testing.T, base string, text []byte) *sandboxed {
	t.Helper()
	document := filepath.Join(base, "policy.json")
	if err := os.WriteFile(document, text, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(document)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	s := &sandboxed{folder: base, output: &bytes.Buffer{}}
	s.Cmd = exec.Command(programPath(t), "-isolate", "3")
	s.ExtraFiles = []*os.File{file}
	s.Env = []string{"PATH=/usr/bin:/bin", "TMPDIR=/tmp"}
	s.Stdout, s.Stderr = s.output, s.output
	if folder := coverageFolder(); folder != "" {
		s.Env = append(s.Env, "GOCOVERDIR="+folder)
	}
	return s
}

// run runs a program of insides and returns what it printed.
func (s *sandboxed) run(t *testing.T, program string, arguments ...string) string {
	t.Helper()
	s.command(program, arguments)
	timer := time.AfterFunc(time.Minute, func() { _ = s.Process.Kill() })
	defer timer.Stop()
	err := s.Run()
	if err != nil {
		t.Logf("%s: %v", program, err)
	}
	return coverageMessage.ReplaceAllString(s.output.String(), "")
}

// coverageMessage is printed by a program that measures coverage where it cannot write the counters.
var coverageMessage = regexp.MustCompile(`(?m)^error: coverage .*\n`)

func (s *sandboxed) command(program string, arguments []string) {
	s.Env = append(s.Env, "SANDBOX_TEST="+program, "SANDBOX_TEST_ARGUMENTS="+strings.Join(arguments, " "))
}

// begin starts a program that runs on, and returns when it has printed a line.
func (s *sandboxed) begin(t *testing.T, program string, arguments ...string) {
	t.Helper()
	s.command(program, arguments)
	s.Stdout, s.Stderr = nil, nil
	output, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.Stderr = s.Stdout
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Process.Kill(); _, _ = io.Copy(io.Discard, output); _ = s.Wait() })
	s.lines = bufio.NewScanner(output)
	if !s.lines.Scan() {
		t.Fatal("the function has printed nothing")
	}
}

// expect checks that an output has lines, and has no others.
func expect(t *testing.T, output string, present, absent []string) {
	t.Helper()
	for _, line := range present {
		if !strings.Contains(output, line) {
			t.Errorf("%q is missing in:\n%s", line, output)
		}
	}
	for _, line := range absent {
		if strings.Contains(output, line) {
			t.Errorf("%q is in:\n%s", line, output)
		}
	}
}

// users are the numbers with which a test runs: the gateway's own, and one of the function.
func users(t *testing.T, test func(t *testing.T, user int)) {
	t.Run("same user", func(t *testing.T) { test(t, 0) })
	t.Run("own user", func(t *testing.T) {
		needs(t, policy.Namespaces, partOwnUser)
		test(t, firstUser)
	})
}

// A function has no descriptors but its own, no capabilities, and a filter, on every level.
func TestProcess(t *testing.T) {
	users(t, func(t *testing.T, user int) {
		for _, level := range policy.Levels {
			if level == policy.None && user != 0 {
				continue
			}
			t.Run(string(level), func(t *testing.T) {
				needs(t, level)
				output := prepare(t, level, func(p *policy.Policy) { p.User = user }).run(t, "look")
				expect(t, output, []string{"0=/dev/null", "folder "}, []string{"policy.json", "isolation:"})
				if level == policy.None {
					return
				}
				expect(t, output, []string{"NoNewPrivs: 1", "Seccomp: 2", "CapEff: 0000000000000000"}, nil)
				if os.Geteuid() == 0 || level == policy.Namespaces { // others may not limit what they cannot gain
					expect(t, output, []string{"CapBnd: 0000000000000000"}, nil)
				}
				switch {
				case level == policy.Namespaces && user != 0:
					expect(t, output, []string{"host api user 1000 pid 1 folder /home/app"}, nil)
				case level == policy.Namespaces:
					expect(t, output, []string{"host api user 0 pid 1 folder /home/app"}, nil)
				case user != 0:
					expect(t, output, []string{fmt.Sprintf("user %d", user)}, nil)
				}
			})
		}
	})
}

// Files of the machine are invisible or closed; the image and the secrets are read-only; only its own folders are writable.
func TestFiles(t *testing.T) {
	t.Run("namespaces", func(t *testing.T) {
		needs(t, policy.Namespaces)
		s := prepare(t, policy.Namespaces, nil)
		output := s.run(t, "files", "/etc/shadow", s.folder, "/home/app", "/var/openfaas/secrets", "/usr", "/tmp", "/var/tmp", "/dev/shm", "/", "/proc/sys/kernel/hostname")
		expect(t, output, []string{
			"see /etc/shadow no such file", "see " + s.folder + " no such file", "read /home/app done", "read /var/openfaas/secrets done",
			"write /tmp done", "write /var/tmp done", "write /dev/shm done",
		}, []string{"write /home/app done", "write /var/openfaas/secrets done", "write /usr done", "write / done", "write /proc/sys/kernel/hostname done"})
	})
	t.Run("shown below /tmp", func(t *testing.T) {
		needs(t, policy.Namespaces)
		shown, err := os.MkdirTemp("/tmp", "shown-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(shown)
		if err := os.Chmod(shown, 0o777); err != nil {
			t.Fatal(err)
		}
		output := prepare(t, policy.Namespaces, func(p *policy.Policy) { p.Show = append(p.Show, shown) }).run(t, "files", shown, "/tmp")
		expect(t, output, []string{"read " + shown + " done", "write " + shown + " read-only file system", "write /tmp done"}, nil)
	})
	t.Run("landlock", func(t *testing.T) {
		needs(t, policy.Landlock, partLandlock)
		s := prepare(t, policy.Landlock, nil)
		output := s.run(t, "files", "/etc/shadow", s.folder, s.folder+"/image", s.folder+"/secrets", s.folder+"/tmp", "/usr", "/tmp")
		expect(t, output, []string{
			"read /etc/shadow permission denied", "read " + s.folder + " permission denied", "read " + s.folder + "/image done",
			"read " + s.folder + "/secrets done", "write " + s.folder + "/tmp done",
		}, []string{"write " + s.folder + "/image done", "write " + s.folder + "/secrets done", "write /usr done", "write /tmp done", "write " + s.folder + " done"})
	})
}

// Files without contents are limited too: they take memory of the kernel.
func TestNumberOfFilesIsLimited(t *testing.T) {
	users(t, func(t *testing.T, user int) {
		needs(t, policy.Namespaces)
		output := prepare(t, policy.Namespaces, func(p *policy.Policy) { p.User, p.TmpBytes = user, 1<<20 }).run(t, "many", "/tmp", "/dev/shm")
		expect(t, output, []string{
			"create in /tmp no space left", "limited /tmp true", "create in /dev/shm no space left", "limited /dev/shm true",
		}, nil)
	})
}

// A function finds its own name, and the names that its image or the machine gives it, whatever the image has in /etc.
func TestOwnName(t *testing.T) {
	for name, c := range map[string]struct {
		change func(p *policy.Policy) error
		words  string
	}{
		"no file": {func(*policy.Policy) error { return nil }, "127.0.0.1"},
		"the image's": {func(p *policy.Policy) error {
			if err := os.Mkdir(p.Rootfs+"/etc", 0o755); err != nil {
				return err
			}
			return os.WriteFile(p.Rootfs+"/etc/hosts", []byte("10.1.2.3 other\n"), 0o644)
		}, "10.1.2.3 other"},
		"an /etc without": {func(p *policy.Policy) error { return os.Mkdir(p.Rootfs+"/etc", 0o755) }, "127.0.0.1"},
		"the machine's":   {func(p *policy.Policy) error { p.Show = append(p.Show, "/etc/hosts"); return nil }, "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			needs(t, policy.Namespaces)
			output := prepare(t, policy.Namespaces, func(p *policy.Policy) {
				if err := c.change(p); err != nil {
					t.Fatal(err)
				}
			}).run(t, "names", "api", "localhost")
			expect(t, output, []string{"api has [127.0.0.1", "localhost has [127.0.0.1", c.words}, []string{"write hosts done", "write run done"})
		})
	}
}

// System calls that lead out are refused, and processes outside are out of reach.
func TestCalls(t *testing.T) {
	for _, level := range []policy.Level{policy.Namespaces, policy.Landlock} {
		t.Run(string(level), func(t *testing.T) {
			needs(t, level, partLandlock)
			output := prepare(t, level, nil).run(t, "calls", strconv.Itoa(os.Getpid()))
			expect(t, output, []string{
				"ptrace operation not permitted", "clone3 function not implemented", "unshare operation not permitted",
				"mount operation not permitted", "io_uring operation not permitted", "keyctl operation not permitted",
				"new call function not implemented", "packet socket address family not supported", "raw socket operation not permitted",
			}, []string{"signal done", "memory of parent done"})
		})
	}
}

// A function that takes too much memory is killed when there is no control group, and the log says so.
func TestMemoryIsWatched(t *testing.T) {
	needs(t, policy.Namespaces)
	output := prepare(t, policy.Namespaces, func(p *policy.Policy) { p.MemoryWatch = 32 << 20 }).run(t, "memory")
	expect(t, output, []string{"isolation: memory", "32 MiB"}, []string{"survived"})
}

func TestProcessesAreLimited(t *testing.T) {
	needs(t, policy.Namespaces, partOwnUser)
	output := prepare(t, policy.Namespaces, func(p *policy.Policy) { p.Processes, p.User = 50, firstUser }).run(t, "processes")
	expect(t, output, []string{"limited true"}, nil)
}

// A replica that cannot be isolated as its policy says is not started: exit code 125 and one line with the reason.
func TestRefusals(t *testing.T) {
	needs(t, policy.Namespaces)
	for _, c := range []struct {
		name   string
		change func(p *policy.Policy)
		words  string
	}{
		{"no image", func(p *policy.Policy) { p.Rootfs = "/nowhere" }, "isolation: root: the image"},
		{"no folder", func(p *policy.Policy) { p.Workdir = "/nowhere" }, "isolation: working folder: "},
		{"no group", func(p *policy.Policy) {
			p.Cgroup = &policy.Cgroup{Version: 2, Folders: map[string]string{"": "/nowhere"}}
		}, "isolation: cgroup: "},
		{"other parent", func(p *policy.Policy) { p.ParentPID = 1 << 22 }, "isolation: parent: the gateway has ended"},
		{"no secrets", func(p *policy.Policy) { p.Secrets = "/nowhere" }, "isolation: secrets: "},
		{"no root", func(p *policy.Policy) { p.Root = "/nowhere" }, "isolation: tmpfs: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := prepare(t, policy.Namespaces, c.change)
			output := s.run(t, "look")
			expect(t, output, []string{c.words}, []string{"host"})
			if code := s.ProcessState.ExitCode(); code != ExitFailed {
				t.Errorf("exit code %d", code)
			}
			if lines := strings.Count(output, "\n"); lines != 1 {
				t.Errorf("%d lines:\n%s", lines, output)
			}
		})
	}
	s := launch(t, t.TempDir(), []byte("{}"))
	expect(t, s.run(t, "look"), []string{"isolation: policy: the policy is not valid"}, nil)
	stage := exec.Command(programPath(t), InsideFlag)
	output, err := stage.CombinedOutput()
	if err == nil || !strings.Contains(string(output), "isolation: start") {
		t.Errorf("the stage inside alone: %v: %s", err, output)
	}
}
