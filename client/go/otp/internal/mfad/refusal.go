package mfad

import (
	"fmt"
	"time"
)

// Refusal is a no of the server (PROTOCOL.md, section 7). None is ever a yes. Ask which one it is by errors.Is with
// [ErrDenied] and its neighbours, and for Wait by errors.As.
type Refusal struct {
	Kind RefusalKind
	// Wait is, of TryLater, how long to wait: whole seconds, one at least.
	Wait time.Duration
}

// RefusalKind is the kind of a [Refusal].
type RefusalKind uint32

// The kinds, in the order of PROTOCOL.md.
const (
	Denied RefusalKind = iota
	TryLater
	EnrollmentRequired
	NotPermitted
	Unavailable
	Malformed
	Unsupported
	refusalKinds
)

// String is the kind in lower case, with an underscore between words.
func (k RefusalKind) String() string {
	return word(k, "denied", "try_later", "enrollment_required", "not_permitted", "unavailable", "malformed", "unsupported")
}

// For errors.Is.
var (
	// ErrDenied: wrong, used or unknown, one answer for all. Show the person [DenialWords], and nothing more.
	ErrDenied error = &Refusal{Kind: Denied}
	// ErrTryLater: too many failures, or busy. The request was not judged.
	ErrTryLater error = &Refusal{Kind: TryLater}
	// ErrEnrollmentRequired: the password was right, and a second factor must be set up first. Of Authenticate alone.
	ErrEnrollmentRequired error = &Refusal{Kind: EnrollmentRequired}
	// ErrNotPermitted: this peer may not ask this, or not in this way.
	ErrNotPermitted error = &Refusal{Kind: NotPermitted}
	// ErrUnavailable: the server cannot answer now.
	ErrUnavailable error = &Refusal{Kind: Unavailable}
	// ErrMalformed: the request breaks the protocol.
	ErrMalformed error = &Refusal{Kind: Malformed}
	// ErrUnsupported: the server does not know this, or does not serve it there.
	ErrUnsupported error = &Refusal{Kind: Unsupported}
)

// DenialWords are the words that a person is shown after ErrDenied.
const DenialWords = "Not accepted. Each code works once: wait for the next one."

// Error says in one line what was refused.
func (r *Refusal) Error() string {
	if r.Kind == TryLater {
		return fmt.Sprintf("mfad: try again in %v", r.Wait)
	}
	return "mfad: " + word(r.Kind, "denied", "try again later", "a second factor must be set up first", "not permitted",
		"the server cannot answer now", "the request is malformed", "not supported")
}

// Is says whether both are of one kind.
func (r *Refusal) Is(target error) bool {
	other, is := target.(*Refusal)
	return is && other.Kind == r.Kind
}

func (*Refusal) number() uint32 { return 0 }

func (r *Refusal) fields(c *coder) {
	variant(c, &r.Kind, refusalKinds, "an unknown refusal")
	if r.Kind == TryLater {
		c.seconds(&r.Wait)
	}
}
