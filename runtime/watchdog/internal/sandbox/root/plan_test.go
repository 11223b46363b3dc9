package root

import (
	"os"
	"path/filepath"
	"testing"

	"fwatchdog/internal/sandbox/policy"
)

// image makes an image of files, folders (a path that ends with a slash) and links (`path -> target`).
func image(t *testing.T, folder string, files []string, links map[string]string) string {
	t.Helper()
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.MkdirAll(folder, 0o755))
	for _, name := range files {
		at := filepath.Join(folder, name)
		check(os.MkdirAll(filepath.Dir(at), 0o755))
		if name[len(name)-1] == '/' {
			check(os.MkdirAll(at, 0o755))
		} else {
			check(os.WriteFile(at, []byte(name), 0o644))
		}
	}
	for name, leads := range links {
		at := filepath.Join(folder, name)
		check(os.MkdirAll(filepath.Dir(at), 0o755))
		check(os.Symlink(leads, at))
	}
	return folder
}

// planned returns the entries by target. Every parent is a folder that comes first.
func planned(t *testing.T, p *policy.Policy) map[string]Entry {
	t.Helper()
	entries, err := Plan(p)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]Entry{"/": {Kind: Folder}}
	for _, entry := range entries {
		if _, twice := found[entry.Target]; twice {
			t.Errorf("%s is planned twice", entry.Target)
		}
		if parent, known := found[filepath.Dir(entry.Target)]; !known || parent.Kind != Folder {
			t.Errorf("the parent of %s is %+v", entry.Target, parent)
		}
		found[entry.Target] = entry
	}
	return found
}

func TestImageWithBase(t *testing.T) {
	rootfs := image(t, t.TempDir(), []string{"bin/sh", "home/app/handler.py", "etc/hosts", "proc/x", "dev/sda", "run/x", "sys/", "tmp/x"},
		map[string]string{"lib": "usr/lib"})
	found := planned(t, &policy.Policy{Rootfs: rootfs})
	for target, desired := range map[string]Entry{
		"/bin": {Bind, "/bin", rootfs + "/bin", false}, "/home": {Bind, "/home", rootfs + "/home", false},
		"/etc": {Bind, "/etc", rootfs + "/etc", false}, "/lib": {Link, "/lib", "usr/lib", false},
		"/proc": {Folder, "/proc", "", false}, "/dev": {Folder, "/dev", "", false}, "/run": {Folder, "/run", "", false},
		"/tmp": {Folder, "/tmp", "", false},
	} {
		if found[target] != desired {
			t.Errorf("%s is %+v, not %+v", target, found[target], desired)
		}
	}
	if _, visible := found["/sys"]; visible {
		t.Error("/sys is visible")
	}
}

// The hosts file has a place: over the image's, or in an /etc of our own. No link of the image is followed.
func TestHostsFile(t *testing.T) {
	for _, c := range []struct {
		name    string
		files   []string
		links   map[string]string
		desired Kind
	}{
		{"over the image's", []string{"etc/hosts", "etc/passwd"}, nil, Bind},
		{"added", []string{"etc/passwd"}, nil, Folder},
		{"no /etc", []string{"home/app/x"}, nil, Folder},
		{"a link", []string{"etc/passwd"}, map[string]string{"etc/hosts": "/etc/shadow"}, Folder},
		{"/etc is a link", nil, map[string]string{"etc": "/usr"}, Link},
	} {
		found := planned(t, &policy.Policy{Rootfs: image(t, t.TempDir(), c.files, c.links)})
		if entry, present := found["/etc"]; !present || entry.Kind != c.desired {
			t.Errorf("%s: /etc is %+v", c.name, entry)
		}
		if entry, present := found[Hosts]; present {
			t.Errorf("%s: the hosts file is %+v", c.name, entry)
		}
	}
}

// /var/tmp is /tmp, whatever the image has there.
func TestVarTmp(t *testing.T) {
	for _, c := range []struct {
		name    string
		files   []string
		links   map[string]string
		show    []string
		desired Entry
	}{
		{"no /var", []string{"home/app/x"}, nil, nil, Entry{Link, VarTmp, Tmp, false}},
		{"a folder", []string{"var/tmp/x"}, nil, nil, Entry{Link, VarTmp, Tmp, false}},
		{"a link", []string{"var/lib/x"}, map[string]string{"var/tmp": "/root"}, nil, Entry{Link, VarTmp, Tmp, false}},
		{"/var is a link", nil, map[string]string{"var": "/usr"}, nil, Entry{}},
		{"shown", []string{"home/app/x"}, nil, []string{VarTmp}, Entry{Bind, VarTmp, VarTmp, false}},
	} {
		found := planned(t, &policy.Policy{Rootfs: image(t, t.TempDir(), c.files, c.links), Show: c.show})
		if found[VarTmp] != c.desired {
			t.Errorf("%s: %+v", c.name, found[VarTmp])
		}
	}
}

// The machine's folders replace the image's, but for /etc and /var, where the image wins file by file.
func TestMachineIsShown(t *testing.T) {
	machine := image(t, t.TempDir(), []string{"usr/bin/python3", "prefix/lib/x"}, map[string]string{"bin": "usr/bin", "resolv.conf": "usr/bin/python3", "lost": "/nowhere/at/all"})
	usr, prefix, bin := machine+"/usr", machine+"/prefix", machine+"/bin"
	rootfs := image(t, t.TempDir(), []string{"home/app/x", usr + "/bin/fwatchdog", "etc/passwd", "var/lib/x"}, nil)
	found := planned(t, &policy.Policy{
		Rootfs: rootfs, Secrets: "/secrets",
		Show: []string{usr, usr + "/bin", prefix, bin, "/etc/passwd", "/etc/hosts", machine + "/missing", machine + "/lost"},
	})
	for target, desired := range map[string]Entry{
		usr: {Bind, usr, usr, false}, prefix: {Bind, prefix, prefix, false}, bin: {Link, bin, "usr/bin", false},
		"/etc/passwd": {Bind, "/etc/passwd", rootfs + "/etc/passwd", true}, "/etc/hosts": {Bind, "/etc/hosts", "/etc/hosts", true},
		"/etc": {Folder, "/etc", "", false}, "/var/lib": {Bind, "/var/lib", rootfs + "/var/lib", false},
		Secrets: {Folder, Secrets, "", false},
	} {
		if found[target] != desired {
			t.Errorf("%s is %+v, not %+v", target, found[target], desired)
		}
	}
	for _, absent := range []string{machine + "/missing", machine + "/lost", usr + "/bin"} {
		if _, visible := found[absent]; visible {
			t.Errorf("%s is visible", absent)
		}
	}
	// A link to what is not shown is followed.
	outside := planned(t, &policy.Policy{Rootfs: rootfs, Show: []string{machine + "/resolv.conf"}})
	if entry := outside[machine+"/resolv.conf"]; entry.Kind != Bind || !entry.File {
		t.Errorf("the link is %+v", entry)
	}
}

// An image whose folders are links leads nothing elsewhere: neither the secrets nor what is read of the image.
func TestLinksOfTheImage(t *testing.T) {
	rootfs := image(t, t.TempDir(), nil, map[string]string{"var": "/root", "etc": "/root", "run": "/root", "tmp": "/root", "dev": "/root"})
	found := planned(t, &policy.Policy{Rootfs: rootfs, Secrets: "/secrets", Show: []string{"/etc/hosts"}})
	for _, target := range []string{"/var", "/etc", "/run", "/tmp", "/dev"} {
		if found[target].Kind != Folder {
			t.Errorf("%s is %+v", target, found[target])
		}
	}
	if _, err := Plan(&policy.Policy{Rootfs: rootfs + "/missing"}); err == nil {
		t.Error("an image that does not exist has a plan")
	}
}
