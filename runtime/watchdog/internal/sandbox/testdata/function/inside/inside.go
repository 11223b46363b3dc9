// Package inside has the programs that the tests of the sandbox run as a function.
package inside

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Programs are what runs as the function. Each prints what it found.
var Programs = map[string]func(arguments []string){
	"look":      look,
	"files":     files,
	"calls":     calls,
	"many":      many,
	"names":     names,
	"dial":      dial,
	"serve":     serve,
	"race":      race,
	"race-send": raceSend,
	"unix":      unixSockets,
	"send":      send,
	"odd":       odd,
	"orphan":    orphan,
	"exit":      func(arguments []string) { code, _ := strconv.Atoi(arguments[0]); syscall.Exit(code) },
	"sleep":     func([]string) { fmt.Println("ready"); time.Sleep(time.Minute) },
	"memory":    memory,
	"processes": processes,
}

// say prints whether something could be done.
func say(what string, err error) {
	if err == nil {
		fmt.Println(what, "done")
		return
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		fmt.Println(what, errno)
		return
	}
	fmt.Println(what, err)
}

// look describes the process.
func look([]string) {
	name, _ := os.Hostname()
	folder, _ := os.Getwd()
	open, _ := os.ReadDir("/proc/self/fd")
	fmt.Println("host", name, "user", os.Getuid(), "pid", os.Getpid(), "folder", folder)
	var numbers []string
	for _, each := range open {
		if target, err := os.Readlink("/proc/self/fd/" + each.Name()); err == nil && !strings.HasPrefix(target, "anon_inode") {
			numbers = append(numbers, each.Name()+"="+target)
		}
	}
	fmt.Println("descriptors", strings.Join(numbers, " "))
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		for _, field := range []string{"CapEff", "CapBnd", "NoNewPrivs", "Seccomp:"} {
			if strings.HasPrefix(line, field) {
				fmt.Println(strings.Fields(line)[0], strings.Fields(line)[1])
			}
		}
	}
}

// files reads and writes the paths of its arguments.
func files(paths []string) {
	for _, path := range paths {
		_, err := os.Stat(path)
		say("see "+path, err)
		file, err := os.Open(path)
		say("read "+path, err)
		file.Close()
		target := path
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			target = filepath.Join(path, "new")
		}
		file, err = os.OpenFile(target, os.O_CREATE|os.O_WRONLY, 0o600)
		say("write "+path, err)
		file.Close()
	}
}

// many makes empty files in the folders of its arguments until it cannot.
func many(folders []string) {
	for _, folder := range folders {
		made := 0
		for ; made < 5000; made++ {
			file, err := os.Create(filepath.Join(folder, strconv.Itoa(made)))
			if err != nil {
				say("create in "+folder, err)
				break
			}
			file.Close()
		}
		fmt.Println("limited", folder, made < 300)
	}
}

// names resolves the names of its arguments, and prints the hosts file.
func names(arguments []string) {
	for _, name := range arguments {
		addresses, err := net.LookupHost(name)
		fmt.Println(name, "has", addresses, err)
	}
	text, err := os.ReadFile("/etc/hosts")
	fmt.Println(string(text), err)
	say("write hosts", os.WriteFile("/etc/hosts", nil, 0o644))
	say("write run", os.WriteFile("/run/hosts", nil, 0o644))
}

// calls makes system calls that a function must not make. The argument is the pid of a process outside.
func calls(arguments []string) {
	pid, _ := strconv.Atoi(arguments[0])
	try := func(what string, number uintptr, arguments ...uintptr) {
		var a [6]uintptr
		copy(a[:], arguments)
		_, _, errno := syscall.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
		if errno != 0 {
			say(what, errno)
			return
		}
		say(what, nil)
	}
	say("signal", syscall.Kill(pid, 0))
	try("ptrace", syscall.SYS_PTRACE, syscall.PTRACE_ATTACH, uintptr(pid))
	try("clone3", 435, 0, 0)
	try("unshare", syscall.SYS_UNSHARE, syscall.CLONE_NEWUSER)
	try("mount", syscall.SYS_MOUNT)
	try("io_uring", 425, 1, 0)
	try("keyctl", syscall.SYS_KEYCTL, 0)
	try("new call", 600)
	_, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW, 0)
	say("packet socket", err)
	_, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_RAW, 1)
	say("raw socket", err)
	say("memory of parent", func() error { _, err := os.ReadFile("/proc/" + arguments[0] + "/environ"); return err }())
}

// dial connects to the addresses of its arguments.
func dial(addresses []string) {
	for _, address := range addresses {
		network := "tcp"
		if strings.HasPrefix(address, "/") || strings.HasPrefix(address, "@") {
			network = "unix"
		}
		connection, err := net.DialTimeout(network, address, 2*time.Second)
		say("dial "+address, err)
		if err == nil {
			connection.Close()
		}
	}
}

// serve listens on every address, and connects to itself by each name of the loopback device.
func serve([]string) {
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		say("listen", err)
		return
	}
	fmt.Println("address", listener.Addr())
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	dial([]string{"127.0.0.1:" + port, "[::1]:" + port})
	packets, err := net.ListenPacket("udp4", ":0")
	say("udp", err)
	packets.Close()
	fd, _ := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	say("listen unbound", syscall.Listen(fd, 1))
	bound, _ := syscall.Getsockname(fd)
	fmt.Println("unbound is", bound.(*syscall.SockaddrInet4).Addr[0] == 127)
	say("listen twice", syscall.Listen(fd, 2))
	time.Sleep(200 * time.Millisecond)
}

// raw makes a socket address of an IPv4 address.
func raw(text string) [16]byte {
	address, _ := net.ResolveTCPAddr("tcp4", text)
	b := [16]byte{0: syscall.AF_INET, 2: byte(address.Port >> 8), 3: byte(address.Port)}
	copy(b[4:8], address.IP.To4())
	return b
}

// swap exchanges an address between a permitted and a refused one until stopped.
func swap(address *[16]byte, allowed, refused [16]byte, stop *atomic.Bool) {
	for !stop.Load() {
		*(*[2]uint64)(unsafe.Pointer(address)) = *(*[2]uint64)(unsafe.Pointer(&refused))
		*(*[2]uint64)(unsafe.Pointer(address)) = *(*[2]uint64)(unsafe.Pointer(&allowed))
	}
}

// race connects for a time while another thread exchanges the address, and a third exchanges the socket. Arguments:
// a permitted and a refused address, and a duration.
func race(arguments []string) {
	allowed, refused := raw(arguments[0]), raw(arguments[1])
	duration, _ := time.ParseDuration(arguments[2])
	var stop atomic.Bool
	address := new([16]byte)
	*address = allowed
	go swap(address, allowed, refused, &stop)
	attempts := 0
	for deadline := time.Now().Add(duration); time.Now().Before(deadline); attempts++ {
		fd, _ := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		other, _ := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		go func() { _ = syscall.Dup3(fd, other, 0) }()
		_, _, _ = syscall.Syscall(syscall.SYS_CONNECT, uintptr(other), uintptr(unsafe.Pointer(address)), 16)
		_, _, _ = syscall.Syscall(syscall.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(address)), 16)
		syscall.Close(fd)
		syscall.Close(other)
	}
	stop.Store(true)
	fmt.Println("attempts", attempts > 10)
}

// raceSend does the same with datagrams, by sendto and sendmsg.
func raceSend(arguments []string) {
	allowed, refused := raw(arguments[0]), raw(arguments[1])
	duration, _ := time.ParseDuration(arguments[2])
	var stop atomic.Bool
	address := new([16]byte)
	*address = allowed
	go swap(address, allowed, refused, &stop)
	fd, _ := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	data := []byte("x")
	part := syscall.Iovec{Base: &data[0], Len: 1}
	header := syscall.Msghdr{Name: (*byte)(unsafe.Pointer(address)), Namelen: 16, Iov: &part, Iovlen: 1}
	attempts := 0
	for deadline := time.Now().Add(duration); time.Now().Before(deadline); attempts++ {
		_, _, _ = syscall.Syscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&data[0])), 1, 0, uintptr(unsafe.Pointer(address)), 16)
		_, _, _ = syscall.Syscall(syscall.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&header)), 0)
	}
	stop.Store(true)
	fmt.Println("attempts", attempts > 10)
}

// unixSockets connects to a socket file and an abstract name of its own, and passes a descriptor. The argument is a folder.
func unixSockets(arguments []string) {
	for _, address := range []string{arguments[0] + "/own", "@own"} {
		listener, err := net.Listen("unix", address)
		say("listen "+filepath.Base(address), err)
		if err != nil {
			continue
		}
		connection, err := net.Dial("unix", address)
		say("dial "+filepath.Base(address), err)
		if err != nil {
			continue
		}
		accepted, err := listener.Accept()
		say("accept", err)
		rights := syscall.UnixRights(1)
		_, _, err = connection.(*net.UnixConn).WriteMsgUnix([]byte("hi"), rights, nil)
		say("pass", err)
		data, control := make([]byte, 8), make([]byte, 64)
		count, controls, _, _, err := accepted.(*net.UnixConn).ReadMsgUnix(data, control)
		fmt.Println("received", string(data[:count]), controls > 0, err)
	}
	say("chdir", os.Chdir(arguments[0]))
	dial([]string{"@foreign", "/var/run/docker.sock"})
	relative, err := net.Dial("unix", "./own")
	say("relative", err)
	_ = relative
	_, err = net.Dial("unix", "/proc/self/fd/1")
	fmt.Println("by descriptor", err != nil)
}

// send sends datagrams by every call to the addresses of its arguments: permitted, refused.
func send(arguments []string) {
	for i, each := range arguments {
		name := []string{"permitted", "refused"}[i]
		address := raw(each)
		fd, _ := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
		data := []byte(name)
		part := syscall.Iovec{Base: &data[0]}
		part.SetLen(len(data))
		type batch struct {
			header syscall.Msghdr
			sent   uint32
			_      uint32
		}
		two := [2]batch{}
		for j := range two {
			two[j].header = syscall.Msghdr{Name: &address[0], Namelen: 16, Iov: &part, Iovlen: 1}
		}
		count, _, errno := syscall.Syscall6(sendMessages(), uintptr(fd), uintptr(unsafe.Pointer(&two)), 2, 0, 0, 0)
		fmt.Println(name, "batch", int(count), two[1].sent, errno == 0)
		_, _, errno = syscall.Syscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&data[0])), uintptr(len(data)), 0, uintptr(unsafe.Pointer(&address)), 16)
		fmt.Println(name, "sendto", errno == 0)
		unspecified := address
		unspecified[0] = 0
		_, _, errno = syscall.Syscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&data[0])), uintptr(len(data)), 0, uintptr(unsafe.Pointer(&unspecified)), 16)
		fmt.Println(name, "unspecified", errno == 0)
		stream, _ := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		_, _, errno = syscall.Syscall6(syscall.SYS_SENDTO, uintptr(stream), uintptr(unsafe.Pointer(&data[0])), uintptr(len(data)), 0x20000000, uintptr(unsafe.Pointer(&address)), 16)
		fmt.Println(name, "fast open", errno == 0)
	}
}

func sendMessages() uintptr {
	if unsafe.Sizeof(uintptr(0)) == 8 && syscall.SYS_SENDMSG == 46 {
		return 307 // amd64
	}
	return 269
}

// orphan starts a process of its own session and prints its pid as the launcher sees it, then ends or sleeps.
func orphan(arguments []string) {
	command := exec.Command("/bin/sh", "-c", "setsid sh -c 'sleep 61' >/dev/null 2>&1 & echo started")
	output, err := command.CombinedOutput()
	fmt.Print(string(output))
	say("start", err)
	if arguments[0] == "stay" {
		time.Sleep(time.Minute)
	}
}

// memory takes 64 MiB.
func memory([]string) {
	fmt.Println("ready")
	block := make([]byte, 64<<20)
	for i := range block {
		block[i] = 1
	}
	time.Sleep(10 * time.Second)
	fmt.Println("survived", block[0])
}

// processes starts processes until it cannot.
func processes([]string) {
	started := 0
	for ; started < 200; started++ {
		if err := exec.Command("/bin/sh", "-c", "sleep 30 &").Run(); err != nil {
			break
		}
	}
	fmt.Println("limited", started < 200)
}

// odd makes calls that the guard carries out with arguments that the kernel refuses, and some that it accepts.
func odd([]string) {
	call := func(what string, number uintptr, arguments ...uintptr) {
		var a [6]uintptr
		copy(a[:], arguments)
		if _, _, errno := syscall.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
			say(what, errno)
			return
		}
		say(what, nil)
	}
	socket := func(family, kind int) uintptr {
		fd, err := syscall.Socket(family, kind, 0)
		if err != nil {
			say("socket", err)
		}
		return uintptr(fd)
	}
	own := raw("127.0.0.1:40009")
	address := uintptr(unsafe.Pointer(&own))
	stream := socket(syscall.AF_INET, syscall.SOCK_STREAM)
	packets := socket(syscall.AF_INET, syscall.SOCK_DGRAM)
	file := socket(syscall.AF_UNIX, syscall.SOCK_STREAM)
	none := ^uintptr(0)
	call("connect nothing", syscall.SYS_CONNECT, none, address, 16)
	call("connect a file", syscall.SYS_CONNECT, 0, address, 16)
	call("connect to no memory", syscall.SYS_CONNECT, stream, 8, 16)
	call("connect to much", syscall.SYS_CONNECT, stream, address, 200)
	call("connect to little", syscall.SYS_CONNECT, stream, address, 7)
	call("connect to less", syscall.SYS_CONNECT, stream, address, 0)
	unspecified := [16]byte{}
	call("disconnect", syscall.SYS_CONNECT, packets, uintptr(unsafe.Pointer(&unspecified)), 16)
	call("bind unspecified", syscall.SYS_BIND, stream, uintptr(unsafe.Pointer(&unspecified)), 16)
	call("bind no memory", syscall.SYS_BIND, stream, 8, 16)
	neighbour := raw("127.128.0.1:0")
	call("bind a neighbour", syscall.SYS_BIND, stream, uintptr(unsafe.Pointer(&neighbour)), 16)
	call("bind", syscall.SYS_BIND, stream, address, 16)
	call("bind twice", syscall.SYS_BIND, stream, address, 16)
	call("listen to a file", syscall.SYS_LISTEN, file, 1)
	other := socket(syscall.AF_UNIX, syscall.SOCK_STREAM)
	text := append([]byte{1, 0}, "/proc/version\x00"...)
	call("connect to no socket", syscall.SYS_CONNECT, other, uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)))
	call("connect to no name", syscall.SYS_CONNECT, other, uintptr(unsafe.Pointer(&text[0])), 2)
	_, err := net.Interfaces()
	say("netlink", err)

	header := syscall.Msghdr{Name: &own[0], Namelen: 16}
	at := uintptr(unsafe.Pointer(&header))
	call("send nothing", syscall.SYS_SENDMSG, packets, at, 0)
	call("send without copy", syscall.SYS_SENDMSG, packets, at, 0x4000000)
	call("send no memory", syscall.SYS_SENDMSG, packets, 8, 0)
	control := make([]byte, 24)
	control[0], control[12], control[16] = 20, 2, 5 // IP_TTL
	header.Control = &control[0]
	header.SetControllen(24)
	call("send with time to live", syscall.SYS_SENDMSG, packets, at, 0)
	control[12] = 7 // IP_RETOPTS: a source route
	call("send with a route", syscall.SYS_SENDMSG, packets, at, 0)
	control[0] = 99
	call("send with wrong control", syscall.SYS_SENDMSG, packets, at, 0)
	header.Iovlen = 5000
	call("send many parts", syscall.SYS_SENDMSG, packets, at, 0)
	call("send much", syscall.SYS_SENDTO, packets, address, 1<<20, 0, address, 16)
	call("send what is not there", syscall.SYS_SENDTO, packets, 8, 4, 0, address, 16)
	call("send to no memory", syscall.SYS_SENDTO, packets, address, 1, 0, 8, 16)
}
