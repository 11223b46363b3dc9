package modes

import (
	"net/http"

	"fwatchdog/internal/calls"
)

// staticFiles answers with the files of a folder.
type staticFiles struct{ folder http.Dir }

// NewStatic serves a folder.
func NewStatic(path string) http.Handler { return staticFiles{http.Dir(path)} }

func (s staticFiles) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := &filesAnswer{ResponseWriter: w, folder: s.folder}
	http.FileServer(answer).ServeHTTP(answer, r)
}

// filesAnswer opens the files of one answer. The standard library takes every file that cannot be opened for one
// that is not there; when this machine has run out of something for the moment, we say so.
type filesAnswer struct {
	http.ResponseWriter
	folder http.Dir
	status int // of a failure that will pass, else 0
}

func (a *filesAnswer) Open(name string) (http.File, error) {
	file, err := a.folder.Open(name)
	if err != nil {
		// This error no longer tells why; that of opening the folder itself does.
		root, why := a.folder.Open("/")
		if why == nil {
			root.Close()
		} else if calls.StartStatus(why) == http.StatusServiceUnavailable {
			a.status = http.StatusServiceUnavailable
		}
	}
	return file, err
}

func (a *filesAnswer) WriteHeader(status int) {
	if a.status != 0 {
		status = a.status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (a *filesAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
