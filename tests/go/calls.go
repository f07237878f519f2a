package main

import (
	"context"

	"mfad"
)

// A call asks the server by the client's function of that name. It returns what [render] takes.
type call func(context.Context, *mfad.Client, *request) (any, error)

var calls = map[string]call{
	"ping":         ping,
	"begin":        begin,
	"status":       status,
	"verify":       verify,
	"enroll":       enroll,
	"confirm":      confirm,
	"reset":        reset,
	"authenticate": authenticate,
	"recovery":     recovery,
	"resync":       resync,
	"passwd":       passwd,
	"disable":      disable,
	"unlock":       unlock,
	"recover":      issue,
	"remove":       remove,
	"set_policy":   setPolicy,
	"get_policy":   getPolicy,
	"set_password": setPassword,
}

// Replies for which the client has no type.
type (
	done     struct{}
	enrolled mfad.RecoveryCodes
	renewed  mfad.RecoveryCodes
)

func ping(ctx context.Context, c *mfad.Client, _ *request) (any, error) { return c.Ping(ctx) }

func begin(ctx context.Context, c *mfad.Client, r *request) (any, error) {
	return c.Begin(ctx, r.Account, r.Context.origin())
}

func status(ctx context.Context, c *mfad.Client, r *request) (any, error) {
	return c.Status(ctx, r.Account)
}

func verify(ctx context.Context, c *mfad.Client, r *request) (any, error) {
	return c.Verify(ctx, r.Account, r.Code, r.Context.origin())
}

func enroll(ctx context.Context, c *mfad.Client, r *request) (any, error) {
	options := mfad.EnrollOptions{Ticket: r.Ticket, Issuer: r.Issuer, Origin: r.Context.origin()}
	return c.Enroll(ctx, r.Account, r.Proof.Proof, options)
}

func confirm(ctx context.Context, c *mfad.Client, r *request) (any, error) {
	codes, err := c.Confirm(ctx, r.Account, r.Enrollment.EnrollmentID, r.Code)
	return enrolled(codes), err
}

func reset(ctx context.Context, c *mfad.Client, r *request) (any, error) {
	enrollment, err := c.Reset(ctx, r.Account, r.Proof.Proof, r.Code, r.Context.origin())
	if enrollment == nil {
		return done{}, err
	}
	return *enrollment, err
}

func authenticate(ctx context.Context, c *mfad.Client, r *request) (any, error) {
	return c.Authenticate(ctx, r.Account, r.Password, r.Code, r.Context.origin())
}

func recovery(ctx context.Context, c *mfad.Client, r *request) (any, error) {
	codes, err := c.Recovery(ctx, r.Account, r.Proof.Proof, r.Code)
	return renewed(codes), err
}

func resync(ctx context.Context, c *mfad.Client, r *request) (any, error) {
	return done{}, c.Resync(ctx, r.Account, r.Proof.Proof, r.First, r.Second)
}

func passwd(ctx context.Context, c *mfad.Client, r *request) (any, error) {
	return done{}, c.Passwd(ctx, r.Account, r.Old, r.Code, r.New)
}

func disable(ctx context.Context, c *mfad.Client, r *request) (any, error) {
	return done{}, c.Disable(ctx, r.Account, r.Reason)
}

func unlock(ctx context.Context, c *mfad.Client, r *request) (any, error) {
	return done{}, c.Unlock(ctx, r.Account)
}

// issue is the call Recover: recover is a word of the language.
func issue(ctx context.Context, c *mfad.Client, r *request) (any, error) {
	return c.Recover(ctx, r.Account)
}

func remove(ctx context.Context, c *mfad.Client, r *request) (any, error) {
	return done{}, c.Remove(ctx, r.Account)
}

func setPolicy(ctx context.Context, c *mfad.Client, r *request) (any, error) {
	return c.SetPolicy(ctx, r.Realm, r.Enforcement.Enforcement)
}

func getPolicy(ctx context.Context, c *mfad.Client, r *request) (any, error) {
	return c.GetPolicy(ctx, r.Realm)
}

func setPassword(ctx context.Context, c *mfad.Client, r *request) (any, error) {
	return done{}, c.SetPassword(ctx, r.Account, r.Password)
}
