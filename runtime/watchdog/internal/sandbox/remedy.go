package sandbox

import (
	"errors"
	"syscall"
)

// remedy returns what an administrator can do about a step that failed, empty if nothing is known.
func remedy(what string, err error) string {
	refused := errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES)
	switch {
	case what == "start" && errors.Is(err, syscall.ENOSPC):
		return "raise the limit of user namespaces: sysctl user.max_user_namespaces=15000"
	case what == "start" && errors.Is(err, syscall.EINVAL):
		return "the kernel has no user namespaces (CONFIG_USER_NS)"
	case what == "start" && refused:
		return "allow user namespaces: sysctl kernel.unprivileged_userns_clone=1, or in a container a seccomp profile that allows clone, unshare, mount and pivot_root"
	case (what == "private mounts" || what == "tmpfs" || what == "bind" || what == "pivot_root") && refused:
		return "AppArmor or the container's profile refuses mounts: allow `userns` for fwatchdog in an AppArmor profile, or use a container profile that allows mounts"
	case what == "proc" && refused:
		return "the container hides parts of /proc: start it with --security-opt systempaths=unconfined"
	case what == "landlock":
		return "use Linux 5.13 or later with `landlock` in the boot parameter lsm="
	case what == "guard" && refused:
		return "in a container use a seccomp profile that allows pidfd_getfd and process_vm_readv"
	case what == "guard" || what == "seccomp":
		return "use Linux 5.9 or later with CONFIG_SECCOMP_FILTER"
	case what == "working folder":
		return "the image's working folder must exist and be readable"
	}
	return ""
}
