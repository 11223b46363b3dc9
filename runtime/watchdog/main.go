// Fwatchdog turns a process into an HTTP service. It answers each request by running a command, or passes it to a
// long-lived process. All settings are environment variables; see -help.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"fwatchdog/internal/config"
	"fwatchdog/internal/lifecycle"
	"fwatchdog/internal/logging"
	"fwatchdog/internal/process"
	"fwatchdog/internal/sandbox"
	"fwatchdog/internal/server"
)

// version is set at build time with -ldflags "-X main.version=...".
var version = "dev"

func main() {
	flags := flag.NewFlagSet("fwatchdog", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	runHealthcheck := flags.Bool("run-healthcheck", false, "")
	showVersion := flags.Bool("version", false, "")
	flags.BoolVar(showVersion, "v", false, "")
	policyFD := flags.Int("isolate", -1, "")
	showIsolation := flags.Bool("isolation-probe", false, "")
	try := flags.Bool(sandbox.TryFlag[1:], false, "")
	private := flags.Bool(sandbox.PrivateFlag[1:], false, "")
	inside := flags.Bool(sandbox.InsideFlag[1:], false, "")
	switch err := flags.Parse(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		config.PrintHelp(os.Stdout, version, os.LookupEnv)
	case err != nil:
		exit(process.ExitMisused, fmt.Errorf("%w; see fwatchdog -help", err))
	case *showVersion:
		fmt.Fprintf(os.Stderr, "fwatchdog %s\n", version)
	case *runHealthcheck:
		if err := lifecycle.Healthcheck(config.ReadHealthcheck(os.LookupEnv)); err != nil {
			exit(process.ExitFailed, fmt.Errorf("not healthy: %w", err))
		}
	case *policyFD >= 0:
		os.Exit(sandbox.Launch(*policyFD))
	case *showIsolation:
		text, _ := json.Marshal(sandbox.Probe())
		fmt.Println(string(text))
	case *try:
		os.Exit(sandbox.Try())
	case *inside:
		os.Exit(sandbox.Inside())
	default:
		if *private {
			if code := sandbox.CloseMemory(); code != 0 {
				os.Exit(code)
			}
		}
		serve(flags.Args())
	}
}

// serve runs the watchdog until it is stopped, and exits. The arguments are the command when fprocess is not set.
func serve(arguments []string) {
	c, err := config.Read(os.LookupEnv, arguments)
	if err != nil {
		exit(process.ExitFailed, err)
	}
	logger := logging.New(os.Stderr, os.Stdout, logging.Options{
		JSON: c.LogJSON, CallIDs: c.LogCallID, Prefix: c.PrefixLogs, LineLimit: c.LogBufferSize,
	})
	process.ReapOrphans()
	watchdog, err := server.New(c, logger)
	if err != nil {
		logger.Printf("%v", err)
		os.Exit(process.ExitFailed)
	}
	logStartup(logger, c)
	os.Exit(watchdog.Serve())
}

func logStartup(l *logging.Logger, c *config.Config) {
	l.Printf("fwatchdog %s: mode %s, read_timeout %s, write_timeout %s, exec_timeout %s, healthcheck_interval %s",
		version, c.Mode, c.ReadTimeout, c.WriteTimeout, c.ExecTimeout, c.HealthcheckInterval)
	for _, warning := range c.Warnings {
		l.Printf("%s", warning)
	}
}

func exit(code int, err error) {
	fmt.Fprintf(os.Stderr, "fwatchdog: %v\n", err)
	os.Exit(code)
}
