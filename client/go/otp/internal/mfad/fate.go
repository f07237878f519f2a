package mfad

import (
	"errors"
	"fmt"
)

// lost is the end of a connection without a word of the server.
type lost struct{ error }

func (l lost) Unwrap() error { return l.error }

// fate is what becomes of a request without an answer when its connection has ended (PROTOCOL.md, section 8).
func (e *exchange) fate(cause error) outcome {
	var (
		version *VersionError
		silent  lost
		ended   = errors.As(cause, &silent) || errors.Is(cause, errGoingAway)
		unseen  = !e.sent || errors.Is(cause, errGoingAway)
	)
	switch {
	case errors.As(cause, &version):
		return outcome{err: cause}
	case ended && (unseen || e.harmless):
		return outcome{err: fmt.Errorf("%w: %w", ErrGone, cause), again: true}
	case unseen || e.harmless:
		return outcome{err: cause, again: errors.Is(cause, ErrProtocol) && unseen}
	default:
		return outcome{err: fmt.Errorf("%w: %w", ErrUnknownFate, cause)}
	}
}
