package mfad

import (
	"path"
	"time"
)

// Options of a [Client]. The zero value is the default.
type Options struct {
	// ServerUID is one uid more that may serve, as the kernel shows it here: in a container with a user namespace of its
	// own it is not the host's. 0 names none, and leaves it to the environment variable MFAD_SERVER_UID.
	ServerUID uint32
	// Deadline bounds each call, from before it connects until its answer; the caller's context may end it sooner. 0 means
	// 5 s.
	Deadline time.Duration
	// PasswordDeadline is the same for calls in which a password is judged or hashed: Authenticate, Passwd, SetPassword,
	// and those with Proof Password. 0 means 15 s.
	PasswordDeadline time.Duration
	// Patience is how long a call goes on trying, within its deadline, while nobody listens or the server sends it away: so
	// calls live through a restart. 0 means 1 s; below 0, the first failure is the answer.
	Patience time.Duration
}

func (o Options) withDefaults() Options {
	set := func(value *time.Duration, otherwise time.Duration) {
		if *value == 0 {
			*value = otherwise
		}
	}
	set(&o.Deadline, 5*time.Second)
	set(&o.PasswordDeadline, 15*time.Second)
	set(&o.Patience, time.Second)
	return o
}

func (o Options) deadline(request request) time.Duration {
	if request.slow() {
		return max(o.Deadline, o.PasswordDeadline)
	}
	return o.Deadline
}

// PublicSocket is where owners and administrators connect (PROTOCOL.md, section 1).
const PublicSocket = "/run/mfad/mfad.sock"

// RealmSocket is where the login services of a realm connect. What comes that way has the right login there and no other.
func RealmSocket(realm string) string { return path.Join("/run/mfad", realm, "mfad.sock") }
