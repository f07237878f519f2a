package mfad

import (
	"errors"
	"fmt"
)

// Why there is no answer, for errors.Is. None of these is ever a yes.
var (
	// ErrUnknownFate: the request was sent, and no answer came. It may have been judged, and is not sent again: the person
	// tries again with a new code. It comes together with the reason, such as context.DeadlineExceeded.
	ErrUnknownFate = errors.New("mfad: no answer came, and the request may have been judged: use a new code")
	// ErrGone: the connection ended before the server looked at the request, or for a request that changes nothing.
	ErrGone = errors.New("mfad: the server closed the connection")
	// ErrNotRunning: nobody listens there. It comes together with what connecting said.
	ErrNotRunning = errors.New("mfad: the server is not running")
	// ErrProtocol: the server broke the protocol.
	ErrProtocol = errors.New("mfad: the server broke the protocol")
	// ErrClosed: the client was closed.
	ErrClosed = errors.New("mfad: the client is closed")
)

// ArgumentError says that a call was not sent, since an argument breaks a rule of PROTOCOL.md, section 4.
type ArgumentError struct{ What string }

func (e *ArgumentError) Error() string { return "mfad: " + e.What }

// WrongServerError says that somebody serves there who may not. Nothing was sent.
type WrongServerError struct {
	Path string
	UID  uint32
}

func (e *WrongServerError) Error() string {
	return fmt.Sprintf("mfad: %s is served by uid %d, who may not: nothing was sent (if that is right, name the uid in "+
		"Options.ServerUID or %s)", e.Path, e.UID, serverVariable)
}

// VersionError says that the server speaks other versions of the protocol: Min to Max. It looked at nothing.
type VersionError struct{ Min, Max byte }

func (e *VersionError) Error() string {
	return fmt.Sprintf("mfad: the server speaks versions %d to %d of the protocol, and this package %d", e.Min, e.Max, version)
}

func broken(what string) error { return fmt.Errorf("%w: %s", ErrProtocol, what) }
