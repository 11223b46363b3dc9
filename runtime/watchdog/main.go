// Fwatchdog turns a process into an HTTP service: it answers each request by running a command,
// or passes it to a long-lived one. Everything is set by environment variables; see -help.
package main

import (
	"flag"
	"fmt"
	"os"
)

// Set at build time with -ldflags "-X main.version=...".
var version = "dev"

// Exit codes of the watchdog itself.
const (
	exitFailed  = 1
	exitMisused = 2
)

func main() {
	flags := flag.NewFlagSet("fwatchdog", flag.ContinueOnError)
	healthcheck := flags.Bool("run-healthcheck", false, "exit 0 if the watchdog of this container is healthy, else 1")
	showVersion := flags.Bool("version", false, "print the version")
	flags.BoolVar(showVersion, "v", false, "print the version")
	flags.Usage = func() { printHelp(flags.Output(), os.LookupEnv) }
	switch err := flags.Parse(os.Args[1:]); {
	case err == flag.ErrHelp:
		os.Exit(0)
	case err != nil:
		os.Exit(exitMisused)
	}
	switch {
	case *showVersion:
		fmt.Fprintf(os.Stderr, "fwatchdog %s\n", version)
	case *healthcheck:
		os.Exit(runHealthcheck(os.LookupEnv))
	default:
		os.Exit(run())
	}
}

// run serves until it is told to stop, and returns the exit code.
func run() int {
	config, err := readConfig(os.LookupEnv)
	if err != nil {
		fmt.Fprintf(os.Stderr, "fwatchdog: %v\n", err)
		return exitFailed
	}
	logger := newLogger(os.Stderr, os.Stdout, config.logJSON)
	reapOrphans()
	app, err := newWatchdog(config, logger)
	if err != nil {
		logger.printf("%v", err)
		return exitFailed
	}
	return app.serve()
}
