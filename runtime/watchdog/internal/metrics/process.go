package metrics

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var startedAt = time.Now()

// ticksPerSecond is the unit of times in /proc; the kernel's interface fixes it at 100.
const ticksPerSecond = 100

// writeProcess tells what this process uses. Where there is no /proc only its age is known.
func writeProcess(out *strings.Builder) {
	gauge := func(name, help string, value any) {
		heading(out, name, "gauge", help)
		fmt.Fprintf(out, "%s %v\n", name, value)
	}
	gauge("process_start_time_seconds", "When the process started, since 1970.", float64(startedAt.UnixMilli())/1000)
	if fields := statFields(); fields != nil {
		user, _ := strconv.ParseFloat(fields[11], 64)
		system, _ := strconv.ParseFloat(fields[12], 64)
		heading(out, "process_cpu_seconds_total", "counter", "Processor time used.")
		fmt.Fprintf(out, "process_cpu_seconds_total %v\n", (user+system)/ticksPerSecond)
		pages, _ := strconv.ParseInt(fields[21], 10, 64)
		gauge("process_virtual_memory_bytes", "Size of the address space.", fields[20])
		gauge("process_resident_memory_bytes", "Memory in use.", pages*int64(os.Getpagesize()))
	}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		gauge("process_open_fds", "Open descriptors.", len(open))
	}
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		gauge("process_max_fds", "Most descriptors that can be open.", limit.Cur)
	}
}

// statFields are the fields of /proc/self/stat after the name, which may hold blanks; nil where there are none.
func statFields() []string {
	content, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return nil
	}
	fields := strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))
	if len(fields) < 22 {
		return nil
	}
	return fields
}
