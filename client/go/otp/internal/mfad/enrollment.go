package mfad

import (
	"encoding/hex"
	"time"
)

// Enrollment is an enrolment that has begun (PROTOCOL.md, section 6). Show the QR code, and the key as text; then
// Confirm. Wipe it when it was shown.
type Enrollment struct {
	// ID names the enrolment in Confirm.
	ID EnrollmentID
	// URI is otpauth://totp/ISSUER:USER?secret=KEY&issuer=ISSUER, percent-encoded. KEY is what a person types who cannot
	// scan.
	URI Secret
	// QR is the same URI as a QR code.
	QR QR
	// ExpiresAt is when the enrolment lapses.
	ExpiresAt time.Time
	// Handle is the public name of this enrolment.
	Handle string
}

// Wipe overwrites the URI and the QR code with zeros.
func (e *Enrollment) Wipe() {
	e.URI.Wipe()
	e.QR.bits.Wipe()
}

// EnrollmentID is any 16 bytes. It is no secret: it opens nothing without a code.
type EnrollmentID [16]byte

// String is the id as 32 hexadecimal digits.
func (e EnrollmentID) String() string { return hex.EncodeToString(e[:]) }

func (e *EnrollmentID) fields(c *coder) {
	if c.writing {
		c.put(e[:]...)
	} else {
		copy(e[:], c.take(len(e)))
	}
}

func (*Enrollment) number() uint32 { return 6 }

func (e *Enrollment) fields(c *coder) {
	e.ID.fields(c)
	c.ascii(&e.URI)
	e.QR.fields(c)
	c.time(&e.ExpiresAt)
	c.text(&e.Handle, handleRule)
}

// Issued is a recovery code, or a ticket, that an administrator hands to the person (PROTOCOL.md, section 6).
type Issued struct {
	// Code is shown this once. Wipe it then.
	Code Secret
	// ExpiresAt is when it lapses.
	ExpiresAt time.Time
}

func (*Issued) number() uint32 { return 11 }

func (i *Issued) fields(c *coder) {
	c.ascii(&i.Code)
	c.time(&i.ExpiresAt)
}
