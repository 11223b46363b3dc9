package main

import (
	"fmt"
	"io"
)

// variable describes one setting: what holds when it is not set, and what it is for.
type variable struct{ name, fallback, meaning string }

// The variables in the order of the help text.
var variables = []variable{
	{"fprocess", "", "command that answers a request (alias function_process)"},
	{"mode", "a process per request", "streaming, serializing, http or static"},
	{"port", "8080", "port to listen on"},
	{"metrics_port", "8081", "port of /metrics; 0 or off for none"},
	{"read_timeout", "30s", "longest time to receive a request"},
	{"write_timeout", "30s", "longest time until the answer is written"},
	{"exec_timeout", "none; 30s with a mode", "longest time the function may take"},
	{"healthcheck_interval", "write_timeout", "how long requests are still taken after SIGTERM"},
	{"max_inflight", "0", "most requests at a time; 0 for no limit"},
	{"suppress_lock", "false", "do not write the lock file"},
	{"content_type", "", "content type of every answer"},
	{"cgi_headers", "true", "put the request into the process's environment"},
	{"marshal_request", "false", "give the process header and body as one JSON document"},
	{"combine_output", "true", "answer with standard error as well"},
	{"warm", "0", "processes started in advance; needs cgi_headers=false"},
	{"write_debug", "false", "copy the function's output to our own"},
	{"debug_headers", "false", "print the headers of requests and answers"},
	{"upstream_url", "", "where the process of mode http listens (alias http_upstream_url)"},
	{"http_buffer_req_body", "false", "read the whole request before it is passed on (alias buffer_http)"},
	{"restart", "false", "start the process of mode http again when it ends"},
	{"static_path", "/home/app/public", "folder to serve in mode static"},
	{"ready_path", "", "path of the function that /_/ready asks"},
	{"prefix_logs", "true", "begin the function's log lines with date and stream"},
	{"log_buffer_size", "65536", "longest log line in bytes; longer ones come in pieces; -1 for no limit"},
	{"log_callid", "false", "end access lines with the call's id"},
	{"log_format", "text", "text or json"},
	{"jwt_auth", "false", "let only requests with a token through"},
	{"jwt_auth_local", "false", "the token authority is at http://127.0.0.1:8000"},
	{"jwt_auth_authority", "http://gateway.openfaas:8080", "address of the token authority"},
	{"jwt_auth_debug", "false", "log why tokens are refused"},
	{"OPENFAAS_NAME", "", "name of the function, for jwt_auth"},
	{"OPENFAAS_NAMESPACE", "that of the pod", "namespace of the function, for jwt_auth"},
	{"NO_PROXY", "", "hosts that are asked without HTTP_PROXY or HTTPS_PROXY, which may hold passwords"},
	{"TMPDIR", "/tmp", "folder of the lock file"},
}

func printHelp(out io.Writer, env lookup) {
	fmt.Fprintf(out, "fwatchdog %s: answers HTTP requests by running a command\n\n", version)
	fmt.Fprint(out, "  fwatchdog [COMMAND ARGUMENT...]   the command is for when fprocess is not set\n\n")
	fmt.Fprint(out, "  -run-healthcheck   exit 0 if the watchdog here is healthy, else 1\n")
	fmt.Fprint(out, "  -version, -v       print the version\n\n")
	fmt.Fprint(out, "Environment (default; = current value):\n")
	for _, each := range variables {
		line := each.meaning
		if each.fallback != "" {
			line += " (" + each.fallback + ")"
		}
		if value, set := env(each.name); set {
			line += "; = " + value
		}
		fmt.Fprintf(out, "  %-21s %s\n", each.name, line)
	}
}
