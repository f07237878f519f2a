package mfad

import "time"

// Accepted is the yes of Verify and Authenticate (PROTOCOL.md, section 6). Show FailuresSince and LastFailure to the
// person when there were any, and RecoveryLeft when Factor is FactorRecovery.
type Accepted struct {
	Factor Factor
	// RecoveryLeft counts the unused recovery codes of the ten, without this one.
	RecoveryLeft uint32
	// FailuresSince counts the wrong codes since the last Accepted told of them.
	FailuresSince uint32
	// LastFailure is the latest of them. Nil when there was none.
	LastFailure *Failure
}

// Failure is a failed try.
type Failure struct {
	Time time.Time
	// Service is what the client of that try called itself. It may be empty.
	Service string
}

// Factor is what was accepted. Any of them is a yes.
type Factor uint32

const (
	// FactorTotp is a time-based code.
	FactorTotp Factor = iota
	// FactorRecovery is a recovery code.
	FactorRecovery
	// FactorPassword is a password, where the account needs no more: of Authenticate alone.
	FactorPassword
	factors
)

// String is the factor in lower case.
func (f Factor) String() string { return word(f, "totp", "recovery", "password") }

func (*Accepted) number() uint32 { return 5 }

func (a *Accepted) fields(c *coder) {
	variant(c, &a.Factor, factors, "an unknown factor")
	c.u32(&a.RecoveryLeft)
	c.u32(&a.FailuresSince)
	if c.flag(a.LastFailure != nil) {
		if !c.writing {
			a.LastFailure = new(Failure)
		}
		a.LastFailure.fields(c)
	}
}

func (f *Failure) fields(c *coder) {
	c.time(&f.Time)
	c.text(&f.Service, labelRule)
}
