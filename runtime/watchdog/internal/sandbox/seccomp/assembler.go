package seccomp

import "fmt"

// Instruction is one of classic BPF, as the kernel reads it.
type Instruction struct {
	Code   uint16
	JT, JF uint8
	K      uint32
}

// The operations that a filter of system calls needs.
const (
	opLoad   = 0x20 // ld [k]: a word of the call's data
	opEqual  = 0x15 // jump if equal
	opAbove  = 0x25 // jump if greater
	opBits   = 0x45 // jump if any bit of k is set
	opMask   = 0x54 // and
	opReturn = 0x06
)

// Offsets in struct seccomp_data.
const (
	offsetNumber       = 0
	offsetArchitecture = 4
	offsetArguments    = 16
)

const next = "" // label of the instruction that follows

// assembler builds a program with forward jumps to labels.
type assembler struct {
	code   []Instruction
	jumps  map[int][2]string
	labels map[string]int
}

func newAssembler() *assembler {
	return &assembler{jumps: map[int][2]string{}, labels: map[string]int{}}
}

func (a *assembler) emit(code uint16, k uint32) {
	a.code = append(a.code, Instruction{Code: code, K: k})
}

func (a *assembler) load(offset uint32) { a.emit(opLoad, offset) }

// argument loads the lower half of an argument of the call: all that the kernel reads of an `int`.
func (a *assembler) argument(index uint32) { a.load(offsetArguments + 8*index) }

func (a *assembler) mask(k uint32) { a.emit(opMask, k) }

func (a *assembler) finish(action uint32) { a.emit(opReturn, action) }

// jump goes to one label if the condition holds, and to another if not.
func (a *assembler) jump(operation uint16, k uint32, yes, no string) {
	a.jumps[len(a.code)] = [2]string{yes, no}
	a.emit(operation, k)
}

// returnIf ends the program with an action if the condition holds.
func (a *assembler) returnIf(operation uint16, k, action uint32) {
	a.code = append(a.code, Instruction{operation, 0, 1, k})
	a.finish(action)
}

// label names the next instruction.
func (a *assembler) label(name string) { a.labels[name] = len(a.code) }

// program resolves the labels. A jump that does not fit is an error.
func (a *assembler) program() ([]Instruction, error) {
	for at, names := range a.jumps {
		var distances [2]uint8
		for i, name := range names {
			if name == next {
				continue
			}
			target, found := a.labels[name]
			distance := target - at - 1
			if !found || distance < 0 || distance > 255 {
				return nil, fmt.Errorf("jump from %d to %q does not fit", at, name)
			}
			distances[i] = uint8(distance)
		}
		a.code[at].JT, a.code[at].JF = distances[0], distances[1]
	}
	return a.code, nil
}
