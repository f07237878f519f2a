package mfad

import (
	"errors"
	"fmt"
)

// Secret is text that must reach one person and nobody else: a key, a recovery code. It is shown as "[secret]" by every
// verb of package fmt, and is not marshalled: string(secret) is the text. Wipe it when it was shown.
type Secret []byte

// Wipe overwrites the bytes with zeros.
func (s Secret) Wipe() { clear(s) }

// Format keeps the bytes out of logs and errors.
func (s Secret) Format(state fmt.State, _ rune) { fmt.Fprint(state, "[secret]") }

// MarshalText fails, so that a secret gets into no structured log by mistake.
func (s Secret) MarshalText() ([]byte, error) {
	return nil, errors.New("mfad: a secret is not marshalled: convert it to a string where it must be shown")
}

// RecoveryCodes are shown to the person once. Each works once.
type RecoveryCodes []Secret

// Wipe overwrites all of them with zeros.
func (r RecoveryCodes) Wipe() {
	for _, each := range r {
		each.Wipe()
	}
}

// At most so many stand in one reply (PROTOCOL.md, section 6).
const maxRecoveryCodes = 10

func (r *RecoveryCodes) fields(c *coder) {
	count := c.count(len(*r))
	if count > maxRecoveryCodes {
		c.fail("more than ten recovery codes")
	}
	if c.err != nil {
		return
	}
	if !c.writing {
		*r = make(RecoveryCodes, count)
	}
	for place := range *r {
		c.ascii(&(*r)[place])
	}
}
