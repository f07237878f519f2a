package mfad

import "context"

// Ping asks whether the server is there and well. Only ask for this when something is wrong: it tells no more than a call.
func (c *Client) Ping(ctx context.Context) (Pong, error) { return ask[Pong](ctx, c, &ping{}) }

// Begin asks what a login of this account needs next. It changes nothing.
func (c *Client) Begin(ctx context.Context, account Account, origin Origin) (Need, error) {
	return ask[Need](ctx, c, &begin{account: account, context: origin})
}

// Status asks how the account stands. It changes nothing.
func (c *Client) Status(ctx context.Context, account Account) (Status, error) {
	return ask[Status](ctx, c, &status{account: account})
}

// Verify asks whether this code, or recovery code, is right, now, for the first time. Give it as the person typed it, 64
// bytes at most. Whoever asks has seen to the first factor.
//
// Errors: ErrDenied, ErrTryLater, and those of every call.
func (c *Client) Verify(ctx context.Context, account Account, code []byte, origin Origin) (Accepted, error) {
	return ask[Accepted](ctx, c, &verify{account: account, code: code, context: origin})
}

// Authenticate asks about a password, 1024 bytes at most, and a code, both at once, and does not tell which of them was
// wrong. The code may be empty: where the account has no factor and none is enforced, the password alone is accepted.
//
// Errors: ErrDenied, ErrTryLater, ErrEnrollmentRequired, ErrUnsupported where the realm's first factor is asserted, and
// those of every call.
func (c *Client) Authenticate(ctx context.Context, account Account, password, code []byte, origin Origin) (Accepted, error) {
	return ask[Accepted](ctx, c, &authenticate{account: account, password: password, code: code, context: origin})
}

type ping struct{ question }

func (*ping) number() uint32 { return 0 }
func (*ping) fields(*coder)  {}

type begin struct {
	question
	account Account
	context Origin
}

func (*begin) number() uint32 { return 1 }

func (b *begin) fields(c *coder) {
	b.account.fields(c)
	b.context.fields(c)
}

type status struct {
	question
	account Account
}

func (*status) number() uint32    { return 2 }
func (s *status) fields(c *coder) { s.account.fields(c) }

type verify struct {
	change
	account Account
	code    []byte
	context Origin
}

func (*verify) number() uint32 { return 3 }

func (v *verify) fields(c *coder) {
	v.account.fields(c)
	c.bytesOf(&v.code, codeBounds)
	v.context.fields(c)
}

// A password alone is no answer to a code.
func (*verify) accepts(reply reply) bool {
	accepted, is := reply.(*Accepted)
	return is && accepted.Factor != FactorPassword
}

type authenticate struct {
	hashing
	account        Account
	password, code []byte
	context        Origin
}

func (*authenticate) number() uint32 { return 7 }

func (a *authenticate) fields(c *coder) {
	a.account.fields(c)
	c.bytesOf(&a.password, passwordBounds)
	c.bytesOf(&a.code, codeBounds)
	a.context.fields(c)
}
