package mfad

import "context"

// EnrollOptions of Enroll. The zero value is the default.
type EnrollOptions struct {
	// Ticket is the code of an administrator, where Need says so. Nil when there is none.
	Ticket []byte
	// Issuer is the name that the app shows: 1 to 64 bytes of UTF-8, without control characters and ':'. When it is empty,
	// it is the realm's.
	Issuer string
	Origin Origin
}

// Enroll begins an enrolment, or resumes the one that another Enroll began: with the same key and a new term of 600 s. It
// does not touch a working factor.
//
// Errors: ErrNotPermitted where the account has a factor, and its realm asks for Reset, or where only an administrator
// enrols; ErrDenied after a wrong password, or a wrong or missing ticket; ErrTryLater; and those of every call.
func (c *Client) Enroll(ctx context.Context, account Account, proof Proof, options EnrollOptions) (Enrollment, error) {
	return ask[Enrollment](ctx, c, &enroll{
		account: account, proof: proof, ticket: options.Ticket, issuer: options.Issuer, context: options.Origin,
	})
}

// Confirm finishes an enrolment with the first code of the new key, and returns ten recovery codes. Show them once, and
// wipe them. The code is used by that: the next login needs a later one.
//
// Errors: ErrDenied after a wrong code, which may be tried again, or when the enrolment has lapsed; and those of every
// call.
func (c *Client) Confirm(ctx context.Context, account Account, id EnrollmentID, code []byte) (RecoveryCodes, error) {
	reply, err := ask[enrolled](ctx, c, &confirm{account: account, enrollment: id, code: code})
	return reply.recoveryCodes, err
}

// Reset gives up the factor, with the first factor and a current or recovery code. Without an enrolment, the factor is
// gone. With one, a second factor is enforced: show and confirm it; the old factor works until then.
//
// Errors: ErrDenied, ErrTryLater, and those of every call.
func (c *Client) Reset(ctx context.Context, account Account, proof Proof, code []byte, origin Origin) (*Enrollment, error) {
	reply, err := c.do(ctx, &reset{account: account, proof: proof, code: code, context: origin}, isReset)
	enrollment, _ := reply.(*Enrollment)
	return enrollment, err
}

// Recovery makes ten new recovery codes, with the first factor and a current or recovery code. The older ones are void.
// Show the new ones once, and wipe them.
//
// Errors: ErrDenied, ErrTryLater, and those of every call.
func (c *Client) Recovery(ctx context.Context, account Account, proof Proof, code []byte) (RecoveryCodes, error) {
	reply, err := ask[renewed](ctx, c, &recovery{account: account, proof: proof, code: code})
	return reply.recoveryCodes, err
}

// Resync follows an app whose clock is wrong, with the first factor and two codes that the app showed one after the other.
// Both are used by that.
//
// Errors: ErrDenied, ErrTryLater, and those of every call.
func (c *Client) Resync(ctx context.Context, account Account, proof Proof, first, second []byte) error {
	return c.ok(ctx, &resync{account: account, proof: proof, first: first, second: second})
}

// Passwd changes the password that the server keeps, in a realm whose first factor is the server's. Each password has at
// most 1024 bytes, and the new one is not empty. Where the account has no factor, the code is not looked at.
//
// Errors: ErrDenied, ErrTryLater, ErrUnsupported where the server keeps no passwords, and those of every call.
func (c *Client) Passwd(ctx context.Context, account Account, old, code, new []byte) error {
	return c.ok(ctx, &passwd{account: account, old: old, code: code, new: new})
}

type enroll struct {
	change
	account Account
	proof   Proof
	ticket  []byte
	issuer  string
	context Origin
}

func (*enroll) number() uint32 { return 4 }
func (e *enroll) slow() bool   { return e.proof.kind == brought }

func (e *enroll) fields(c *coder) {
	e.account.fields(c)
	e.proof.fields(c)
	if c.flag(e.ticket != nil) {
		c.bytesOf(&e.ticket, codeBounds)
	}
	if c.flag(e.issuer != "") {
		c.text(&e.issuer, issuerRule)
	}
	e.context.fields(c)
}

type confirm struct {
	change
	account    Account
	enrollment EnrollmentID
	code       []byte
}

func (*confirm) number() uint32 { return 5 }

func (f *confirm) fields(c *coder) {
	f.account.fields(c)
	f.enrollment.fields(c)
	c.bytesOf(&f.code, codeBounds)
}

type reset struct {
	change
	account Account
	proof   Proof
	code    []byte
	context Origin
}

func (*reset) number() uint32 { return 6 }
func (r *reset) slow() bool   { return r.proof.kind == brought }

func (r *reset) fields(c *coder) {
	r.account.fields(c)
	r.proof.fields(c)
	c.bytesOf(&r.code, codeBounds)
	r.context.fields(c)
}

func isReset(reply reply) bool {
	switch reply.(type) {
	case *done, *Enrollment:
		return true
	default:
		return false
	}
}

type recovery struct {
	change
	account Account
	proof   Proof
	code    []byte
}

func (*recovery) number() uint32 { return 8 }
func (r *recovery) slow() bool   { return r.proof.kind == brought }

func (r *recovery) fields(c *coder) {
	r.account.fields(c)
	r.proof.fields(c)
	c.bytesOf(&r.code, codeBounds)
}

type resync struct {
	change
	account       Account
	proof         Proof
	first, second []byte
}

func (*resync) number() uint32 { return 9 }
func (r *resync) slow() bool   { return r.proof.kind == brought }

func (r *resync) fields(c *coder) {
	r.account.fields(c)
	r.proof.fields(c)
	c.bytesOf(&r.first, codeBounds)
	c.bytesOf(&r.second, codeBounds)
}

type passwd struct {
	hashing
	account        Account
	old, code, new []byte
}

func (*passwd) number() uint32 { return 10 }

func (p *passwd) fields(c *coder) {
	p.account.fields(c)
	c.bytesOf(&p.old, passwordBounds)
	c.bytesOf(&p.code, codeBounds)
	c.bytesOf(&p.new, passwordBounds)
}
