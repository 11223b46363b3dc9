"""An image whose watchdog is not ours, and the proof that no call reaches its function too early."""

import contextlib
import os
import subprocess
import uuid

import docker

from tests.gateways import update_under_load

FUNCTION = "foreign"
# What of-watchdog does in mode http: healthy and ready at once; 500 while its function refuses connections.
PROGRAM = """package main

import (
	"context"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	function, _ := url.Parse("http://127.0.0.1:5000")
	proxy := httputil.NewSingleHostReverseProxy(function)
	proxy.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err error) { w.WriteHeader(500) }
	var stopping atomic.Bool
	health := func(w http.ResponseWriter, r *http.Request) {
		if stopping.Load() {
			w.WriteHeader(503)
		}
	}
	outer := http.NewServeMux()
	outer.HandleFunc("/_/health", health)
	outer.HandleFunc("/_/ready", health)
	outer.Handle("/", proxy)
	server := &http.Server{Addr: ":8080", Handler: outer}
	go server.ListenAndServe()
	pause, _ := time.ParseDuration(os.Getenv("PAUSE"))
	go func() {
		time.Sleep(pause)
		http.ListenAndServe("127.0.0.1:5000", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Write([]byte("from the function"))
		}))
	}()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	<-signals
	stopping.Store(true)
	time.Sleep(time.Second)
	server.Shutdown(context.Background())
}
"""


def program(folder, go):
    """The compiled program, static."""
    (folder / "main.go").write_text(PROGRAM)
    (folder / "go.mod").write_text("module foreign\n\ngo 1.21\n")
    command = [go, "build", "-o", "program", "."]
    subprocess.run(command, cwd=folder, env={**os.environ, "CGO_ENABLED": "0"}, check=True)
    return (folder / "program").read_bytes()


@contextlib.contextmanager
def image(client, content):
    """Name of an image of it in an engine; its function listens a second after its watchdog."""
    from tests.integration.docker_provider.conftest import build

    tag = f"faas-test-{uuid.uuid4().hex[:8]}:foreign"
    text = (
        "FROM scratch\nCOPY program /\nENV mode=http upstream_url=http://127.0.0.1:5000 PAUSE=1s\n"
        'EXPOSE 8080\nCMD ["/program"]\n'
    )
    build(client, tag, {"program": content}, text)
    try:
        yield tag
    finally:
        with contextlib.suppress(docker.errors.DockerException):
            client.images.remove(tag, force=True)


def check_no_call_is_early(gateway, tag, wrk, **deployment):
    """The first call, calls during rolling updates, and the call that wakes it: each is answered by the function."""
    assert gateway.deploy(FUNCTION, tag, **deployment).status in (200, 202)
    assert gateway.call(FUNCTION, b"x").body == b"from the function"
    update_under_load(gateway, FUNCTION, tag, wrk, updates=2, calls=20, **deployment)
    for _ in range(2):
        gateway.scale(FUNCTION, 0)
        gateway.wait_available(FUNCTION, 0)
        answer = gateway.call(FUNCTION, b"x")
        assert (answer.status, answer.body) == (200, b"from the function"), answer
