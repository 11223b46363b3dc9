package sandbox

import "strings"

// remedyOf returns what an administrator can do about a step that failed, empty if nothing is known. The reason is the text
// of the error: a probe has it from another process.
func remedyOf(what, reason string) string {
	has := func(words string) bool { return strings.Contains(reason, words) }
	refused := has("operation not permitted") || has("permission denied")
	switch what {
	case "start":
		switch {
		case has("no space left on device"):
			return "raise the limit of user namespaces: sysctl user.max_user_namespaces=15000"
		case has("invalid argument"):
			return "use a kernel with user namespaces (CONFIG_USER_NS)"
		case refused:
			return "allow user namespaces: sysctl kernel.unprivileged_userns_clone=1; in a container, a seccomp profile that " +
				"allows clone, unshare, mount and pivot_root"
		}
	case "private mounts", "tmpfs", "bind", "pivot_root":
		if refused {
			return "allow mounts: an AppArmor profile with `userns` for fwatchdog, or a container profile that allows mounts"
		}
	case "proc":
		if refused {
			return "show all of /proc to the container: --security-opt systempaths=unconfined"
		}
	case "landlock":
		return "use Linux 5.13 or later with `landlock` in the boot parameter lsm="
	case "guard":
		if refused {
			return "in a container, a seccomp profile that allows pidfd_getfd and process_vm_readv"
		}
		return "use Linux 5.9 or later"
	case "seccomp":
		return "use a kernel with CONFIG_SECCOMP_FILTER"
	case "working folder":
		return "the image's working folder must exist, and its user must be able to enter it"
	}
	return ""
}
