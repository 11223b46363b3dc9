package main

import (
	"net/http"
	"os"
	"strconv"
	"strings"
)

// Variables of the service manager that concern us and not our children.
var private = []string{"LISTEN_FDS=", "LISTEN_PID=", "LISTEN_FDNAMES="}

// inheritedEnvironment is what every child gets: our own environment, less what is private to us.
func inheritedEnvironment() []string {
	var kept []string
next:
	for _, entry := range os.Environ() {
		for _, prefix := range private {
			if strings.HasPrefix(entry, prefix) {
				continue next
			}
		}
		kept = append(kept, entry)
	}
	return kept
}

// Variables computed from the request itself; a header of such a name must not pose as one.
var computed = map[string]bool{
	"Http_Method": true, "Http_Query": true, "Http_Path": true, "Http_Host": true,
	"Http_ContentLength": true, "Http_Content_Length": true, "Http_Transfer_Encoding": true,
}

// requestEnvironment describes a request as variables: Http_ and the header's name with every dash an underscore.
func requestEnvironment(base []string, r *http.Request) []string {
	env := make([]string, len(base), len(base)+len(r.Header)+8)
	copy(env, base)
	for name, values := range r.Header {
		variable := "Http_" + strings.ReplaceAll(name, "-", "_")
		if !computed[variable] && len(values) > 0 {
			env = append(env, variable+"="+values[0])
		}
	}
	length := strconv.FormatInt(r.ContentLength, 10)
	env = append(env,
		"Http_Method="+r.Method,
		"Http_ContentLength="+length,
		"Http_Content_Length="+length,
		"Http_Path="+r.URL.Path,
	)
	if len(r.TransferEncoding) > 0 {
		env = append(env, "Http_Transfer_Encoding="+r.TransferEncoding[0])
	}
	if r.URL.RawQuery != "" {
		env = append(env, "Http_Query="+r.URL.RawQuery)
	}
	if r.Host != "" {
		env = append(env, "Http_Host="+r.Host)
	}
	return env
}
