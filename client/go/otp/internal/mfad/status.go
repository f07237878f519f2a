package mfad

import "time"

// Status says how an account stands (PROTOCOL.md, section 6).
type Status struct {
	// Realm and User are the account's own name, which may differ from the one that was asked about.
	Realm, User string
	State       State
	// Enforced says whether a second factor is enforced for the account now, excepted services aside.
	Enforced bool
	// RecoveryLeft counts the unused recovery codes of the ten.
	RecoveryLeft uint32
	// EnrolledAt is when the factor was confirmed. Zero when it never was.
	EnrolledAt time.Time
	// LastSuccess is when a code was last accepted. Zero when none was.
	LastSuccess time.Time
	// FailuresSince counts the wrong codes that nobody was told of yet.
	FailuresSince uint32
	// RetryAfter is how long it takes until the next code of this peer is judged, in whole seconds. Zero when it need not
	// wait, and when it is stopped.
	RetryAfter time.Duration
}

// State is how the factor of an account stands.
type State uint32

const (
	// StateNone: there is no factor.
	StateNone State = iota
	// StatePending: there is no factor, and an enrolment waits for its first code.
	StatePending
	// StateActive: there is a working factor.
	StateActive
	// StateLocked: the codes are stopped until an administrator acts.
	StateLocked
	states
)

// String is the state in lower case.
func (s State) String() string { return word(s, "none", "pending", "active", "locked") }

func (*Status) number() uint32 { return 4 }

func (s *Status) fields(c *coder) {
	c.text(&s.Realm, realmRule)
	c.text(&s.User, userRule)
	variant(c, &s.State, states, "an unknown state")
	c.bool(&s.Enforced)
	c.u32(&s.RecoveryLeft)
	c.optionalTime(&s.EnrolledAt)
	c.optionalTime(&s.LastSuccess)
	c.u32(&s.FailuresSince)
	c.optionalSeconds(&s.RetryAfter)
}
