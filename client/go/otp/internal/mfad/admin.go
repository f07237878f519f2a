package mfad

import "context"

// The calls of this file need the right admin: ErrNotPermitted to all others (PROTOCOL.md, section 10).

// Disable takes a lost factor away, with its recovery codes. The reason, 1 to 255 bytes of UTF-8 without control
// characters, goes to the audit.
//
// Errors: ErrDenied where there is nothing to take away, and those of every call.
func (c *Client) Disable(ctx context.Context, account Account, reason string) error {
	return c.ok(ctx, &disable{account: account, reason: reason})
}

// Unlock sets all counts of failed tries to 0, and so lifts the stop.
//
// Errors: ErrDenied where there is neither a factor nor a password, and those of every call.
func (c *Client) Unlock(ctx context.Context, account Account) error {
	return c.ok(ctx, &unlock{account: account})
}

// Recover issues one recovery code, or a ticket where the account has no factor, which the administrator hands to the
// person. It is valid for 24 h, works once, and replaces the one before. It lifts the stop as Unlock does.
func (c *Client) Recover(ctx context.Context, account Account) (Issued, error) {
	return ask[Issued](ctx, c, &issue{account: account})
}

// Remove forgets the account: its factor, its password and its counts.
//
// Errors: ErrDenied where the server does not know it, and those of every call.
func (c *Client) Remove(ctx context.Context, account Account) error {
	return c.ok(ctx, &remove{account: account})
}

// SetPolicy says whether the realm enforces a second factor, from when on. That wins over the configuration from then on.
func (c *Client) SetPolicy(ctx context.Context, realm string, enforcement Enforcement) (Policy, error) {
	return ask[Policy](ctx, c, &setPolicy{realm: realm, enforcement: enforcement})
}

// GetPolicy asks for the rules of the realm. It changes nothing.
func (c *Client) GetPolicy(ctx context.Context, realm string) (Policy, error) {
	return ask[Policy](ctx, c, &getPolicy{realm: realm})
}

// SetPassword sets the password that the server keeps: 1 to 1024 bytes. An account that the server does not know comes to
// be.
//
// Errors: ErrUnsupported where the server keeps no passwords, and those of every call.
func (c *Client) SetPassword(ctx context.Context, account Account, password []byte) error {
	return c.ok(ctx, &setPassword{account: account, password: password})
}

type disable struct {
	change
	account Account
	reason  string
}

func (*disable) number() uint32 { return 13 }

func (d *disable) fields(c *coder) {
	d.account.fields(c)
	c.text(&d.reason, noteRule)
}

type unlock struct {
	change
	account Account
}

func (*unlock) number() uint32    { return 14 }
func (u *unlock) fields(c *coder) { u.account.fields(c) }

// issue is the call Recover: recover is a word of the language.
type issue struct {
	change
	account Account
}

func (*issue) number() uint32    { return 15 }
func (r *issue) fields(c *coder) { r.account.fields(c) }

type remove struct {
	change
	account Account
}

func (*remove) number() uint32    { return 16 }
func (r *remove) fields(c *coder) { r.account.fields(c) }

type setPolicy struct {
	change
	realm       string
	enforcement Enforcement
}

func (*setPolicy) number() uint32 { return 17 }

func (s *setPolicy) fields(c *coder) {
	c.text(&s.realm, realmRule)
	s.enforcement.fields(c)
}

type getPolicy struct {
	question
	realm string
}

func (*getPolicy) number() uint32    { return 18 }
func (g *getPolicy) fields(c *coder) { c.text(&g.realm, realmRule) }

type setPassword struct {
	hashing
	account  Account
	password []byte
}

func (*setPassword) number() uint32 { return 19 }

func (s *setPassword) fields(c *coder) {
	s.account.fields(c)
	c.bytesOf(&s.password, passwordBounds)
}
