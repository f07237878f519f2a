package mfad

import "fmt"

// Proof says how the first factor was shown (PROTOCOL.md, section 4). Make one with [Asserted] or [Password]; the zero
// value is none.
type Proof struct {
	kind     proofKind
	password []byte
}

// Asserted vouches: the service has checked the first factor itself. The server believes it of a peer that has the right
// login, in Enroll also of one with admin; others are answered ErrNotPermitted.
func Asserted() Proof { return Proof{kind: asserted} }

// Password brings the password, 1024 bytes at most, for the server to judge. The bytes are not copied: wipe them after the
// call.
func Password(password []byte) Proof { return Proof{kind: brought, password: password} }

func (p *Proof) fields(c *coder) {
	if c.writing && p.kind == unproved {
		c.fail("a proof is Asserted() or Password(password)")
	}
	kind := p.kind - asserted
	variant(c, &kind, proofKinds-asserted, "an unknown kind of proof")
	p.kind = kind + asserted
	if p.kind == brought {
		c.bytesOf(&p.password, passwordBounds)
	}
}

type proofKind uint32

const (
	unproved proofKind = iota
	asserted
	brought
	proofKinds
)

// Format shows nothing of a password.
func (p Proof) Format(state fmt.State, _ rune) { fmt.Fprint(state, "[proof]") }

// MarshalText shows nothing of a password.
func (p Proof) MarshalText() ([]byte, error) { return []byte("[proof]"), nil }
