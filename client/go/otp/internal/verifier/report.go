package verifier

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/internal/mfad"
)

// A trouble is one way in which a call came to no yes.
type trouble struct {
	kind  error
	level slog.Level
	words string
}

var (
	denied    = trouble{otp.ErrDenied, slog.LevelDebug, "mfad has denied a second factor"}
	throttled = trouble{otp.ErrThrottled, slog.LevelWarn, "mfad makes an account wait after wrong codes"}
	unfit     = trouble{otp.ErrOptionUnsupported, slog.LevelWarn, "mfad was not asked: a name or an issuer does not fit it"}
	unserved  = trouble{otp.ErrNotServed, slog.LevelError, "mfad does not serve this program: no second factor is accepted"}
	silent    = trouble{otp.ErrNoAnswer, slog.LevelError, "mfad does not answer: no second factor is accepted"}
)

// judge says which trouble an error is. What is not known is that there is no answer.
func judge(err error) trouble {
	var (
		wrongServer *mfad.WrongServerError
		version     *mfad.VersionError
		argument    *mfad.ArgumentError
	)
	switch {
	case errors.Is(err, mfad.ErrDenied):
		return denied
	case errors.Is(err, mfad.ErrTryLater):
		return throttled
	case errors.Is(err, mfad.ErrProtocol):
		// Such an error may hold an ArgumentError of what the server sent.
		return unserved
	case errors.As(err, &argument):
		return unfit
	case errors.Is(err, mfad.ErrNotPermitted), errors.Is(err, mfad.ErrUnsupported), errors.Is(err, mfad.ErrMalformed),
		errors.Is(err, fs.ErrPermission), errors.As(err, &wrongServer), errors.As(err, &version):
		return unserved
	default:
		return silent
	}
}

// report writes one line about an error, and makes it one of package otp. No error of mfad's client holds a secret, and a
// handle is none.
func (v *Verifier) report(err error, handle string) error {
	if err == nil {
		return nil
	}
	trouble := judge(err)
	facts := []slog.Attr{slog.String("reason", err.Error()), slog.String("socket", v.socket), slog.String("realm", v.realm)}
	if handle != "" {
		facts = append(facts, slog.String("handle", handle))
	}
	slog.LogAttrs(context.Background(), trouble.level, trouble.words, facts...)
	return fmt.Errorf("%w: %w", trouble.kind, err)
}
