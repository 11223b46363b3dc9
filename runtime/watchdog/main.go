// Fwatchdog turns a process into an HTTP service: it answers each request by running a command,
// or passes it to a long-lived one. Everything is set by environment variables; see -help.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
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
	flags.SetOutput(io.Discard)
	healthcheck := flags.Bool("run-healthcheck", false, "")
	showVersion := flags.Bool("version", false, "")
	flags.BoolVar(showVersion, "v", false, "")
	switch err := flags.Parse(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		printHelp(os.Stdout, os.LookupEnv)
	case err != nil:
		fmt.Fprintf(os.Stderr, "fwatchdog: %v; see fwatchdog -help\n", err)
		os.Exit(exitMisused)
	case *showVersion:
		fmt.Fprintf(os.Stderr, "fwatchdog %s\n", version)
	case *healthcheck:
		os.Exit(runHealthcheck(os.LookupEnv))
	default:
		os.Exit(run(flags.Args()))
	}
}

// run serves until it is told to stop, and returns the exit code. The arguments are the command, when fprocess is not set.
func run(arguments []string) int {
	config, err := readConfig(os.LookupEnv, arguments)
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
