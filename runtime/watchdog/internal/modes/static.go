package modes

import (
	"cmp"
	"net/http"

	"fwatchdog/internal/calls"
)

// Static serves the files of a folder.
type Static struct{ Folder http.Dir }

// ServeHTTP answers with one file or the listing of a folder.
func (s Static) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	files := &fileResponse{ResponseWriter: w, folder: s.Folder}
	http.FileServer(files).ServeHTTP(files, r)
}

// fileResponse opens the files of one response. net/http answers 404 for every file that cannot be opened; a machine
// without a free descriptor is a 503.
type fileResponse struct {
	http.ResponseWriter
	folder http.Dir
	status int // status of a temporary failure, else 0
}

func (f *fileResponse) Open(name string) (http.File, error) {
	file, err := f.folder.Open(name)
	if err != nil {
		// http.Dir hides the cause of this error; opening the folder itself shows it.
		root, cause := f.folder.Open("/")
		if cause == nil {
			root.Close()
		} else if calls.FailureStatus(cause) == http.StatusServiceUnavailable {
			f.status = http.StatusServiceUnavailable
		}
	}
	return file, err
}

func (f *fileResponse) WriteHeader(status int) {
	f.ResponseWriter.WriteHeader(cmp.Or(f.status, status))
}

// Unwrap gives http.ResponseController access to the connection.
func (f *fileResponse) Unwrap() http.ResponseWriter { return f.ResponseWriter }
