// Package verifier asks mfad for the packages of this module: each call ends in time, and what went wrong is in the log.
package verifier

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/pquerna/otp/internal/mfad"
)

// Deadline bounds each call, from before it connects until its answer.
const Deadline = 2 * time.Second

// A Verifier is one realm of one server, for any number of goroutines. It connects at its first call, and anew whenever the
// connection has broken.
type Verifier struct {
	realm, socket string
	deadline      time.Duration
	// Whoever puts something in may connect the client.
	turn   chan struct{}
	client *mfad.Client
}

// New is for the server at this socket.
func New(realm, socket string, deadline time.Duration) *Verifier {
	return &Verifier{realm: realm, socket: socket, deadline: deadline, turn: make(chan struct{}, 1)}
}

// Shared is the one of this process. The environment is read at the first call.
var Shared = sync.OnceValue(ofEnvironment)

func ofEnvironment() *Verifier {
	realm := variable("MFAD_REALM", "netmaker")
	return New(realm, variable("MFAD_SOCKET", mfad.RealmSocket(realm)), Deadline)
}

func variable(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// Verify asks whether this code, or recovery code, is right, now, for the first time. The first right code of an enrolment
// confirms it.
//
// Errors: those of package otp that come with what mfad says. ErrDenied is one of them.
func (v *Verifier) Verify(handle, code string) error {
	ctx, cancel := context.WithTimeout(context.Background(), v.deadline)
	defer cancel()
	typed := []byte(code)
	defer clear(typed)
	client, err := v.connected(ctx)
	if err == nil {
		_, err = client.Verify(ctx, mfad.Account{Handle: handle}, typed, v.origin())
	}
	return v.report(err, handle)
}

// Enroll begins the enrolment of a user, whose first factor this program has seen to. Wipe it when it was shown.
//
// Errors: those of package otp that come with what mfad says.
func (v *Verifier) Enroll(user, issuer string) (mfad.Enrollment, error) {
	ctx, cancel := context.WithTimeout(context.Background(), v.deadline)
	defer cancel()
	client, err := v.connected(ctx)
	if err != nil {
		return mfad.Enrollment{}, v.report(err, "")
	}
	account := mfad.Account{Realm: v.realm, User: user}
	enrollment, err := client.Enroll(ctx, account, mfad.Asserted(), mfad.EnrollOptions{Issuer: issuer, Origin: v.origin()})
	return enrollment, v.report(err, enrollment.Handle)
}

// connected is the client. One caller connects it at a time; the others wait for that, each until its own deadline.
func (v *Verifier) connected(ctx context.Context) (*mfad.Client, error) {
	select {
	case v.turn <- struct{}{}:
		defer func() { <-v.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if v.client != nil {
		return v.client, nil
	}
	client, err := mfad.Dial(ctx, v.socket, mfad.Options{Deadline: v.deadline, PasswordDeadline: v.deadline})
	if err == nil {
		v.client = client
	}
	return client, err
}

// Close ends the connection. The next call connects anew.
func (v *Verifier) Close() {
	v.turn <- struct{}{}
	defer func() { <-v.turn }()
	if v.client != nil {
		v.client.Close()
		v.client = nil
	}
}

// origin is what the audit says of the caller. The name of the realm is all that is known of it here.
func (v *Verifier) origin() mfad.Origin { return mfad.Origin{Service: v.realm} }
