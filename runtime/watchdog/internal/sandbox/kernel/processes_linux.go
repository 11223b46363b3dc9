package kernel

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// threadGroup returns the process of a thread; the thread itself when /proc does not name it.
func threadGroup(thread int) int {
	status, _ := os.ReadFile("/proc/" + strconv.Itoa(thread) + "/status")
	_, rest, _ := bytes.Cut(status, []byte("\nTgid:"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	if number, err := strconv.Atoi(strings.TrimSpace(string(line))); err == nil {
		return number
	}
	return thread
}

// Children returns the children of a process.
func Children(pid int) []int {
	var found []int
	files, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for _, word := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				found = append(found, child)
			}
		}
	}
	return found
}

// Descendants returns the children of a process and theirs, parents first.
func Descendants(pid int) []int {
	found := Children(pid)
	for i := 0; i < len(found); i++ {
		found = append(found, Children(found[i])...)
	}
	return found
}
