package seccomp

import (
	"encoding/binary"
	"slices"
	"testing"
)

// data is what the kernel hands to a filter.
type data struct {
	number, architecture uint32
	arguments            [6]uint64
}

// run executes a program as the kernel does, and returns its action.
func run(t *testing.T, program []Instruction, d data) uint32 {
	t.Helper()
	var memory [64]byte
	binary.LittleEndian.PutUint32(memory[0:], d.number)
	binary.LittleEndian.PutUint32(memory[4:], d.architecture)
	for i, argument := range d.arguments {
		binary.LittleEndian.PutUint64(memory[16+8*i:], argument)
	}
	var a uint32
	for pc := 0; pc < len(program); pc++ {
		in := program[pc]
		jump := func(condition bool) {
			if condition {
				pc += int(in.JT)
			} else {
				pc += int(in.JF)
			}
		}
		switch in.Code {
		case opLoad:
			a = binary.LittleEndian.Uint32(memory[in.K:])
		case opMask:
			a &= in.K
		case opEqual:
			jump(a == in.K)
		case opAbove:
			jump(a > in.K)
		case opBits:
			jump(a&in.K != 0)
		case opReturn:
			return in.K
		default:
			t.Fatalf("instruction %d has code %#x", pc, in.Code)
		}
	}
	t.Fatal("the program has no end")
	return 0
}

// filters calls a test for the filter of each architecture, with and without the guard.
func filters(t *testing.T, test func(t *testing.T, name string, arch architecture, guarded bool, program []Instruction)) {
	for name, arch := range architectures {
		for _, guarded := range []bool{false, true} {
			program, err := Filter(name, guarded)
			if err != nil {
				t.Fatal(err)
			}
			if len(program) > 4096 {
				t.Errorf("%s: the kernel takes no program of %d instructions", name, len(program))
			}
			test(t, name, arch, guarded, program)
		}
	}
}

// Every number of a system call gets the action of its table, on both architectures; other architectures are killed.
func TestEveryCall(t *testing.T) {
	filters(t, func(t *testing.T, name string, arch architecture, guarded bool, program []Instruction) {
		refused := slices.Concat(refusedEverywhere, arch.refused)
		c := arch.calls
		for number := uint32(0); number < 1024; number++ {
			desired := uint32(allow)
			switch {
			case number > callLast || number == callClone3:
				desired = eNoSys
			case slices.Contains(refused, number):
				desired = ePerm
			case number == c.socket || number == c.socketpair:
				desired = eFamily // the arguments are zero: no family
			case guarded && slices.Contains([]uint32{c.connect, c.bind, c.listen, c.sendmsg, c.sendmmsg}, number):
				desired = notify
			}
			if got := run(t, program, data{number: number, architecture: arch.audit}); got != desired {
				t.Errorf("%s, guarded %v: call %d gets %#x, not %#x", name, guarded, number, got, desired)
			}
			if got := run(t, program, data{number: number, architecture: 0x40000003}); got != kill {
				t.Errorf("%s: call %d of i386 gets %#x", name, number, got)
			}
			if got := run(t, program, data{number: number | 0x40000000, architecture: arch.audit}); got != eNoSys {
				t.Errorf("%s: call %d of x32 gets %#x", name, number, got)
			}
		}
	})
}

func TestArguments(t *testing.T) {
	const any = 0xabcd00000000 // upper halves that the kernel ignores
	filters(t, func(t *testing.T, name string, arch architecture, guarded bool, program []Instruction) {
		c := arch.calls
		sends := uint32(allow)
		if guarded {
			sends = notify
		}
		fastOpen := sends
		if guarded {
			fastOpen = eFastOpen
		}
		for _, each := range []struct {
			what      string
			number    uint32
			arguments [6]uint64
			action    uint32
		}{
			{"fork", c.clone, [6]uint64{17}, allow},
			{"thread", c.clone, [6]uint64{0x3d0f00}, allow},
			{"user namespace", c.clone, [6]uint64{0x10000000 | 17}, ePerm},
			{"time namespace", c.clone, [6]uint64{0x80}, ePerm},
			{"unix", c.socket, [6]uint64{1, 1}, allow},
			{"tcp", c.socket, [6]uint64{2, 1 | 0x80800}, allow},
			{"tcp, upper half", c.socket, [6]uint64{any | 2, any | 1, any | 6}, allow},
			{"udp6", c.socket, [6]uint64{10, 2, 17}, allow},
			{"ping", c.socket, [6]uint64{2, 2, 1}, allow},
			{"raw", c.socket, [6]uint64{2, 3, 1}, ePerm},
			{"seqpacket", c.socket, [6]uint64{2, 5, 132}, ePerm},
			{"sctp", c.socket, [6]uint64{2, 1, 132}, eProto},
			{"mptcp", c.socket, [6]uint64{2, 1, 262}, eProto},
			{"netlink route", c.socket, [6]uint64{16, 3, 0}, allow},
			{"netlink audit", c.socket, [6]uint64{16, 3, 9}, eFamily},
			{"packet", c.socket, [6]uint64{17, 3}, eFamily},
			{"vsock", c.socket, [6]uint64{40, 1}, eFamily},
			{"alg", c.socket, [6]uint64{38, 5}, eFamily},
			{"unix pair", c.socketpair, [6]uint64{1, 1}, allow},
			{"tipc pair", c.socketpair, [6]uint64{30, 1}, eFamily},
			{"no delay", c.setsockopt, [6]uint64{3, 6, 1}, allow},
			{"source route", c.setsockopt, [6]uint64{3, 0, 4}, ePerm},
			{"source route 6", c.setsockopt, [6]uint64{3, 41, 57}, ePerm},
			{"source route 6, old", c.setsockopt, [6]uint64{3, 41, 6}, ePerm},
			{"only v6", c.setsockopt, [6]uint64{3, 41, 26}, allow},
			{"window size", c.ioctl, [6]uint64{0, 0x5413}, allow},
			{"type into a terminal", c.ioctl, [6]uint64{0, any | 0x5412}, ePerm},
			{"own filter", c.seccomp, [6]uint64{1, 1}, allow},
			{"own listener", c.seccomp, [6]uint64{1, 8}, ePerm},
			{"send", c.sendto, [6]uint64{3, 1, 1, 0, 0, 0}, allow},
			{"sendto", c.sendto, [6]uint64{3, 1, 1, 0, 0x7f00, 16}, sends},
			{"sendto above 4 GB", c.sendto, [6]uint64{3, 1, 1, 0, 0x7f0000000000, 16}, sends},
			{"sendmsg that connects", c.sendmsg, [6]uint64{3, 1, messageFastOpen}, fastOpen},
			{"sendmmsg that connects", c.sendmmsg, [6]uint64{3, 1, 1, messageFastOpen}, fastOpen},
		} {
			d := data{number: each.number, architecture: arch.audit, arguments: each.arguments}
			if got := run(t, program, d); got != each.action {
				t.Errorf("%s, guarded %v: %s gets %#x, not %#x", name, guarded, each.what, got, each.action)
			}
		}
		if got := run(t, program, data{number: c.sendto, architecture: arch.audit, arguments: [6]uint64{3: messageFastOpen}}); guarded && got != eFastOpen {
			t.Errorf("sendto that connects gets %#x", got)
		}
	})
}

func TestUnknownArchitecture(t *testing.T) {
	if _, err := Filter("riscv64", true); err == nil {
		t.Error("there is a filter for an unknown architecture")
	}
	a := newAssembler()
	a.jump(opEqual, 1, "nowhere", next)
	if _, err := a.program(); err == nil {
		t.Error("a jump to nowhere is accepted")
	}
}

func TestCallOf(t *testing.T) {
	for number, call := range map[uint32]Call{42: Connect, 49: Bind, 50: Listen, 44: SendTo, 46: SendMessage, 307: SendMessages, 1: Unknown} {
		if got := CallOf("amd64", number); got != call {
			t.Errorf("call %d is %d", number, got)
		}
	}
	if CallOf("riscv64", 0) != Unknown {
		t.Error("an unknown architecture has calls")
	}
}
