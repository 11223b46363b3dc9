package config

import (
	"fmt"
	"io"
)

// variable is one setting as the help prints it.
type variable struct{ name, fallback, help string }

var variables = []variable{
	{"fprocess", "", "command that answers requests (alias function_process)"},
	{"mode", "a process per request", "streaming, serializing, http or static"},
	{"port", "8080", "port to listen on"},
	{"metrics_port", "8081", "port of /metrics; 0 or off turns it off"},
	{"read_timeout", "30s", "maximum time to receive a request"},
	{"write_timeout", "30s", "maximum time until the response is written"},
	{"exec_timeout", "none; 30s with a mode", "maximum time of a call of the function"},
	{"healthcheck_interval", "write_timeout", "how long requests are accepted after SIGTERM"},
	{"max_inflight", "0", "maximum number of concurrent requests; 0 for no limit"},
	{"suppress_lock", "false", "do not write the lock file"},
	{"content_type", "", "content type of every response"},
	{"cgi_headers", "true", "describe the request in the environment of the process"},
	{"marshal_request", "false", "pass headers and body to the process as one JSON document"},
	{"combine_output", "true", "include standard error in the response"},
	{"warm", "0", "number of processes started in advance; requires cgi_headers=false"},
	{"write_debug", "false", "copy the output of the function to standard output"},
	{"debug_headers", "false", "print the headers of requests and responses"},
	{"upstream_url", "", "URL on which the process of mode http listens (alias http_upstream_url)"},
	{"http_buffer_req_body", "false", "read the whole request before it is passed on (alias buffer_http)"},
	{"restart", "false", "restart the process of mode http when it exits"},
	{"static_path", "/home/app/public", "folder to serve in mode static"},
	{"ready_path", "", "path of the function that decides /_/ready"},
	{"prefix_logs", "true", "begin log lines of the function with date and stream"},
	{"log_buffer_size", "65536", "maximum log line in bytes, longer lines are split; -1 for no limit"},
	{"log_callid", "false", "end access lines with the call id"},
	{"log_format", "text", "text or json"},
	{"jwt_auth", "false", "require a token for every request"},
	{"jwt_auth_local", "false", "use the token authority at http://127.0.0.1:8000"},
	{"jwt_auth_authority", "http://gateway.openfaas:8080", "URL of the token authority"},
	{"jwt_auth_debug", "false", "log why a token is rejected"},
	{"OPENFAAS_NAME", "", "name of the function, for jwt_auth"},
	{"OPENFAAS_NAMESPACE", "that of the pod", "namespace of the function, for jwt_auth"},
	{"NO_PROXY", "", "hosts reached without the proxy of HTTP_PROXY or HTTPS_PROXY, which may hold passwords"},
	{"TMPDIR", "/tmp", "folder of the lock file"},
}

// PrintHelp prints the usage and every variable with its default and its current value.
func PrintHelp(out io.Writer, version string, env Lookup) {
	fmt.Fprintf(out, "fwatchdog %s: answers HTTP requests by running a command\n\n", version)
	fmt.Fprint(out, "  fwatchdog [COMMAND ARGUMENT...]   COMMAND is used when fprocess is not set\n\n")
	fmt.Fprint(out, "  -run-healthcheck   exit 0 if the watchdog in this container is healthy, else 1\n")
	fmt.Fprint(out, "  -version, -v       print the version\n\n")
	fmt.Fprint(out, "Environment (default; = current value):\n")
	for _, each := range variables {
		line := each.help
		if each.fallback != "" {
			line += " (" + each.fallback + ")"
		}
		if value, set := env(each.name); set {
			line += "; = " + value
		}
		fmt.Fprintf(out, "  %-21s %s\n", each.name, line)
	}
}
