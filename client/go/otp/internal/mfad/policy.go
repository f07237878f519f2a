package mfad

import "time"

// Policy is the rules of a realm as they are in force (PROTOCOL.md, section 4: RealmPolicy).
type Policy struct {
	Enforcement Enforcement
	// Stored says that an administrator has set Enforcement. Then the configuration no longer counts.
	Stored bool
	// Enforced says whether the realm asks everybody for a second factor now.
	Enforced    bool
	FirstFactor FirstFactor
	Enroll      Enrolling
	Replace     Replacing
}

// Enforcement says whether a realm asks everybody for a second factor. The zero value is off.
type Enforcement struct {
	Mode EnforcementMode
	// From is the moment from which on it does, of EnforceAfter alone, in whole seconds.
	From time.Time
}

// EnforcementMode is the mode of an [Enforcement].
type EnforcementMode uint32

const (
	// EnforceOff: the realm asks nobody who has no factor.
	EnforceOff EnforcementMode = iota
	// EnforceOn: it asks everybody.
	EnforceOn
	// EnforceAfter: it asks everybody from a moment on.
	EnforceAfter
	enforcementModes
)

// String is the mode in lower case.
func (m EnforcementMode) String() string { return word(m, "off", "on", "after") }

// FirstFactor is who judges passwords in a realm.
type FirstFactor uint32

const (
	// FirstPam: the system's PAM, which the server asks.
	FirstPam FirstFactor = iota
	// FirstPassword: the server, which keeps a hash of the password.
	FirstPassword
	// FirstAsserted: nobody there. Login services vouch.
	FirstAsserted
	firstFactors
)

// String is the first factor in lower case.
func (f FirstFactor) String() string { return word(f, "pam", "password", "asserted") }

// Enrolling is what an account without a factor needs to enrol.
type Enrolling uint32

const (
	// EnrollOpen: the first factor.
	EnrollOpen Enrolling = iota
	// EnrollTicket: a ticket of an administrator besides.
	EnrollTicket
	// EnrollClosed: an administrator, who enrols it.
	EnrollClosed
	enrollings
)

// String is the word of the configuration.
func (e Enrolling) String() string { return word(e, "open", "ticket", "closed") }

// Replacing is what replacing a working factor takes.
type Replacing uint32

const (
	// ReplaceCode: a code of it, through Reset.
	ReplaceCode Replacing = iota
	// ReplaceAsserted: the first factor alone, through Enroll.
	ReplaceAsserted
	replacings
)

// String is the word of the configuration.
func (r Replacing) String() string { return word(r, "code", "asserted") }

func (*Policy) number() uint32 { return 13 }

func (p *Policy) fields(c *coder) {
	p.Enforcement.fields(c)
	c.bool(&p.Stored)
	c.bool(&p.Enforced)
	variant(c, &p.FirstFactor, firstFactors, "an unknown first factor")
	variant(c, &p.Enroll, enrollings, "an unknown way to enrol")
	variant(c, &p.Replace, replacings, "an unknown way to replace")
}

func (e *Enforcement) fields(c *coder) {
	variant(c, &e.Mode, enforcementModes, "an unknown enforcement")
	if e.Mode == EnforceAfter {
		c.time(&e.From)
	}
}
