package seccomp

// architecture is what a filter must know of a processor: its audit number and the numbers of its system calls.
type architecture struct {
	audit uint32
	// x32 is the bit of calls of the x32 ABI, 0 where there is none.
	x32     uint32
	calls   calls
	refused []uint32 // calls that no function needs
}

// calls are the numbers of the calls whose arguments are judged.
type calls struct {
	clone, socket, socketpair, setsockopt, ioctl, seccomp uint32
	connect, bind, listen, sendto, sendmsg, sendmmsg      uint32
}

// Calls that have one number on every architecture.
const (
	callClone3 = 435
	callLast   = 469 // file_setattr, of Linux 6.17; later calls do not exist for a function
)

// refusedEverywhere are refused calls that have one number on every architecture.
var refusedEverywhere = []uint32{
	425, 426, 427, // io_uring: its requests pass no filter
	428, 429, 430, 431, 432, 433, 442, 457, 458, 467, // open_tree, move_mount, fsopen .. fspick, mount_setattr, statmount, listmount, open_tree_attr
	438, 440, 443, // pidfd_getfd, process_madvise, quotactl_fd
}

// architectures by the name that Go has for them.
var architectures = map[string]architecture{
	"amd64": {
		audit: 0xC000003E,
		x32:   0x40000000,
		calls: calls{
			clone: 56, socket: 41, socketpair: 53, setsockopt: 54, ioctl: 16, seccomp: 317,
			connect: 42, bind: 49, listen: 50, sendto: 44, sendmsg: 46, sendmmsg: 307,
		},
		refused: []uint32{
			101, 310, 311, 312, // ptrace, process_vm_readv, process_vm_writev, kcmp
			165, 166, 155, 161, 272, 308, // mount, umount2, pivot_root, chroot, unshare, setns
			248, 249, 250, // add_key, request_key, keyctl
			321, 323, 298, 103, // bpf, userfaultfd, perf_event_open, syslog
			175, 313, 176, 174, 177, 178, 246, 320, 169, // modules, kexec, reboot
			167, 168, 163, 179, 153, // swapon, swapoff, acct, quotactl, vhangup
			303, 304, // name_to_handle_at, open_by_handle_at
			164, 159, 227, 305, // settimeofday, adjtimex, clock_settime, clock_adjtime
			170, 171, 172, 173, // sethostname, setdomainname, iopl, ioperm
			134, 136, 139, 154, 156, 180, 212, // uselib, ustat, sysfs, modify_ldt, _sysctl, nfsservctl, lookup_dcookie
			256, 279, 300, 301, // migrate_pages, move_pages, fanotify_init, fanotify_mark
		},
	},
	"arm64": {
		audit: 0xC00000B7,
		calls: calls{
			clone: 220, socket: 198, socketpair: 199, setsockopt: 208, ioctl: 29, seccomp: 277,
			connect: 203, bind: 200, listen: 201, sendto: 206, sendmsg: 211, sendmmsg: 269,
		},
		refused: []uint32{
			117, 270, 271, 272, // ptrace, process_vm_readv, process_vm_writev, kcmp
			40, 39, 41, 51, 97, 268, // mount, umount2, pivot_root, chroot, unshare, setns
			217, 218, 219, // add_key, request_key, keyctl
			280, 282, 241, 116, // bpf, userfaultfd, perf_event_open, syslog
			105, 273, 106, 104, 294, 142, // modules, kexec, reboot
			224, 225, 89, 60, 58, // swapon, swapoff, acct, quotactl, vhangup
			264, 265, // name_to_handle_at, open_by_handle_at
			170, 171, 112, 266, // settimeofday, adjtimex, clock_settime, clock_adjtime
			161, 162, // sethostname, setdomainname
			18, 42, // lookup_dcookie, nfsservctl
			238, 239, 262, 263, // migrate_pages, move_pages, fanotify_init, fanotify_mark
		},
	},
}
