//go:build coverage

package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/coverage"
	"slices"
	"strings"
	"syscall"
	"time"

	"fwatchdog/internal/sandbox"
)

// The stage inside opens the file of its counters while it can, and writes them before it becomes the watchdog.
func init() {
	folder := os.Getenv("GOCOVERDIR")
	if folder == "" || !slices.Contains(os.Args, sandbox.InsideFlag) {
		return
	}
	own, err := os.MkdirTemp("", "fwatchdog-")
	if err != nil {
		return
	}
	defer os.RemoveAll(own)
	if coverage.WriteMetaDir(own) != nil {
		return
	}
	found, _ := filepath.Glob(own + "/covmeta.*")
	name := strings.Replace(filepath.Base(found[0]), "covmeta", "covcounters", 1)
	file, err := os.Create(filepath.Join(folder, fmt.Sprintf("%s.%d.%d", name, os.Getpid(), time.Now().UnixNano())))
	if err != nil {
		return
	}
	// Now as well, because an empty file cannot be read: the stage may fail before it is complete.
	_ = coverage.WriteCounters(file)
	sandbox.BeforeExec = func() {
		_, _ = file.Seek(0, io.SeekStart)
		_ = coverage.WriteCounters(file)
	}
}

// A test that is over ends its watchdog at once; an exit, unlike SIGKILL, writes the coverage counters.
func init() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR2)
	go func() {
		<-signals
		os.Exit(0)
	}()
}
