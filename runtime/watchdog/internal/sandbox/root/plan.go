// Package root makes the files that a function sees: those of its image, the machine's toolchain where the image has no base,
// and folders of its own.
package root

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"fwatchdog/internal/sandbox/policy"
)

// Paths inside.
const (
	Watchdog = "/run/fwatchdog"
	Secrets  = "/var/openfaas/secrets"
	Tmp      = "/tmp"
	Shm      = "/dev/shm"
	VarTmp   = "/var/tmp"
	Hosts    = "/etc/hosts"
)

// own are the folders of the root that are never the image's.
var own = []string{"/proc", "/dev", "/sys", "/tmp", "/run"}

// Kind is what an entry of the root is.
type Kind int

// The kinds.
const (
	Folder Kind = iota // a folder of our own
	Link               // a symbolic link to Source
	Bind               // what is at Source on the machine
)

// Entry is one thing in the root.
type Entry struct {
	Kind   Kind
	Target string // path inside
	Source string
	File   bool // a Bind of something that is not a folder
}

// plan collects entries. A path has one entry; its parents are folders of our own, never links, so that nothing of an image
// leads a mount elsewhere.
type plan struct {
	entries []Entry
	at      map[string]Kind
	open    map[string]bool // folders of our own, because something inside comes from elsewhere
}

// Plan returns the entries of a policy, parents first. The image is data of strangers: no link in it is followed.
func Plan(p *policy.Policy) ([]Entry, error) {
	made := &plan{at: map[string]Kind{"/": Folder}, open: map[string]bool{"/": true}}
	shown := slices.Clone(p.Show)
	slices.Sort(shown)
	shown = slices.Compact(shown)
	hidden := map[string]bool{} // entries of the image that the machine's replace
	for _, target := range shown {
		if _, err := os.Lstat(target); err != nil {
			continue
		}
		made.openParents(target)
		hidden[target] = !imageWins(target)
	}
	if p.Secrets != "" {
		made.openParents(Secrets)
		hidden[Secrets] = true
	}
	if !hasPlace(p.Rootfs) {
		made.openParents(Hosts)
		hidden[Hosts] = true
	}
	varInfo, err := os.Lstat(filepath.Join(p.Rootfs, path.Dir(VarTmp)))
	linksTmp := err != nil || varInfo.IsDir() || made.open[path.Dir(VarTmp)] // else the image's /var leads elsewhere
	if linksTmp {
		made.openParents(VarTmp)
		hidden[VarTmp] = true
	}
	for _, folder := range own {
		hidden[folder] = true
		if folder != "/sys" {
			made.folder(folder)
		}
	}
	if err := made.image(p.Rootfs, "/", hidden); err != nil {
		return nil, err
	}
	for _, target := range shown {
		if err := made.show(target, shown); err != nil {
			return nil, err
		}
	}
	if p.Secrets != "" {
		made.folder(Secrets)
	}
	if _, shown := made.at[VarTmp]; linksTmp && !shown {
		made.add(Entry{Kind: Link, Target: VarTmp, Source: Tmp})
	}
	if made.open[path.Dir(Hosts)] {
		made.folder(path.Dir(Hosts))
	}
	return made.entries, nil
}

// hasPlace reports whether the hosts file can cover that of the image, or the image's /etc leads elsewhere and gets none.
// Otherwise /etc must be a folder of our own, to which the file is added.
func hasPlace(rootfs string) bool {
	folder, err := os.Lstat(filepath.Join(rootfs, path.Dir(Hosts)))
	if err != nil || !folder.IsDir() {
		return err == nil
	}
	file, err := os.Lstat(filepath.Join(rootfs, Hosts))
	return err == nil && file.Mode().IsRegular()
}

// imageWins reports whether the image's own entry is kept where the machine's is to be shown.
func imageWins(target string) bool {
	return strings.HasPrefix(target, "/etc/") || strings.HasPrefix(target, "/var/")
}

func (m *plan) openParents(target string) {
	for parent := path.Dir(target); !m.open[parent]; parent = path.Dir(parent) {
		m.open[parent] = true
	}
}

// add adds an entry, and folders for its parents.
func (m *plan) add(entry Entry) {
	if entry.Target != "/" {
		m.folder(path.Dir(entry.Target))
	}
	m.at[entry.Target] = entry.Kind
	m.entries = append(m.entries, entry)
}

// folder adds a folder unless there is something at its path.
func (m *plan) folder(target string) {
	if _, found := m.at[target]; !found {
		m.add(Entry{Kind: Folder, Target: target})
	}
}

// image adds the entries of a folder of the image. A folder that must hold something else too is made and filled.
func (m *plan) image(rootfs, folder string, hidden map[string]bool) error {
	entries, err := os.ReadDir(filepath.Join(rootfs, folder))
	if err != nil {
		return fmt.Errorf("the image: %w", err)
	}
	for _, entry := range entries {
		target := path.Join(folder, entry.Name())
		source := filepath.Join(rootfs, target)
		switch {
		case hidden[target]:
		case m.open[target] && entry.IsDir():
			m.folder(target)
			if err := m.image(rootfs, target, hidden); err != nil {
				return err
			}
		case m.open[target]: // a link or file where a folder must be
		case entry.Type()&os.ModeSymlink != 0:
			leads, err := os.Readlink(source)
			if err != nil {
				return fmt.Errorf("the image: %w", err)
			}
			m.add(Entry{Kind: Link, Target: target, Source: leads})
		default:
			m.add(Entry{Kind: Bind, Target: target, Source: source, File: !entry.IsDir()})
		}
	}
	return nil
}

// show adds what the machine has at a path, unless something is there or it is visible already.
func (m *plan) show(target string, shown []string) error {
	info, err := os.Lstat(target)
	if err != nil {
		return nil
	}
	for parent := target; parent != "/"; parent = path.Dir(parent) {
		if kind, found := m.at[parent]; found && kind != Folder || found && parent == target {
			return nil
		}
	}
	source := target
	if info.Mode()&os.ModeSymlink != 0 {
		if source, err = filepath.EvalSymlinks(target); err != nil {
			return nil // leads nowhere
		}
		if covered(source, shown) {
			leads, err := os.Readlink(target)
			if err != nil {
				return err
			}
			m.add(Entry{Kind: Link, Target: target, Source: leads})
			return nil
		}
		if info, err = os.Stat(source); err != nil {
			return nil
		}
	}
	m.add(Entry{Kind: Bind, Target: target, Source: source, File: !info.IsDir()})
	return nil
}

// covered reports whether a path is one of the shown, or below one.
func covered(target string, shown []string) bool {
	return slices.ContainsFunc(shown, func(each string) bool {
		return target == each || strings.HasPrefix(target, each+"/")
	})
}
