package lifecycle

import (
	"fmt"
	"net"
	"os"
	"strconv"
)

const firstPassedFD = 3

// Listen opens the main port, or takes over the socket that whoever started us has passed (the protocol
// of systemd's sd_listen_fds): then there is no moment at which a connection would be refused.
func Listen(port int) (net.Listener, error) {
	if passed(os.Getenv) {
		file := os.NewFile(firstPassedFD, "listener")
		defer file.Close()
		listener, err := net.FileListener(file)
		if err != nil {
			return nil, fmt.Errorf("LISTEN_FDS is set, and descriptor 3 is not a listening socket: %w", err)
		}
		return listener, nil
	}
	return net.Listen("tcp", ":"+strconv.Itoa(port))
}

func passed(get func(string) string) bool {
	if count, err := strconv.Atoi(get("LISTEN_FDS")); err != nil || count < 1 {
		return false
	}
	// 0 stands for "whoever reads this": one who starts us cannot always know our number beforehand.
	owner := get("LISTEN_PID")
	return owner == "" || owner == "0" || owner == strconv.Itoa(os.Getpid())
}
