package function

import (
	"fmt"
	"net/http"
)

func Handle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for number := 0; number < 3; number++ {
		fmt.Fprintln(w, number)
		w.(http.Flusher).Flush()
	}
}
