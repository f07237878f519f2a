package totp

import (
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/internal/mfad"
)

// GenerateOpts of Generate. mfad makes the key, by the rules of its realm: what they do not allow is an error.
type GenerateOpts struct {
	// Issuer is the name that the app shows: 1 to 64 bytes of UTF-8, without control characters and ':'.
	Issuer string
	// AccountName is the user of the realm: 1 to 255 bytes of UTF-8, without control characters, ':' and '/'.
	AccountName string
	// Period is 0 or 30.
	Period uint
	// SecretSize is 0 or 20.
	SecretSize uint
	// Secret is empty: nobody but mfad makes keys.
	Secret []byte
	// Digits is 0, or what the realm says.
	Digits otp.Digits
	// Algorithm is the zero value, or what the realm says. The zero value takes what the realm says: it cannot be told from
	// one that was left out.
	Algorithm otp.Algorithm
	// Rand is nil: nobody but mfad makes keys.
	Rand io.Reader
}

// The bytes of mfad's keys.
const secretSize = 20

// Generate begins an enrolment of the user at mfad, or resumes one that waits for its first code: with the same key. This
// program vouches for the user. A factor that the user has goes on working until the new one is confirmed, by its first
// right code in [Validate].
//
// The URL of the key holds the key for an app, and the handle of the enrolment; the image holds the key alone. Show them to
// the user, and keep the [otp.Key.Secret], which is the handle.
//
// Errors: otp.ErrGenerateMissingIssuer and otp.ErrGenerateMissingAccountName; otp.ErrOptionUnsupported, which comes before
// anything is sent, but for digits and a hash that only the realm forbids: then an enrolment has begun that nobody can
// confirm, and lapses; and from mfad otp.ErrNoAnswer, otp.ErrThrottled, otp.ErrDenied and otp.ErrNotServed.
func Generate(opts GenerateOpts) (*otp.Key, error) {
	if err := opts.judge(); err != nil {
		return nil, err
	}
	enrollment, err := asked().Enroll(opts.AccountName, opts.Issuer)
	if err != nil {
		return nil, err
	}
	key, err := opts.key(&enrollment)
	if err != nil {
		enrollment.Wipe()
		return nil, err
	}
	enrollment.URI.Wipe()
	return key, nil
}

// judge says what can be said before anything is sent.
func (o *GenerateOpts) judge() error {
	switch {
	case o.Issuer == "":
		return otp.ErrGenerateMissingIssuer
	case o.AccountName == "":
		return otp.ErrGenerateMissingAccountName
	case len(o.Secret) > 0 || o.Rand != nil || o.SecretSize != 0 && o.SecretSize != secretSize:
		return fmt.Errorf("%w: mfad makes the key, of %d bytes", otp.ErrOptionUnsupported, secretSize)
	case !isUsual(o.Period):
		return fmt.Errorf("%w: a code is shown for %d s", otp.ErrOptionUnsupported, usualPeriod)
	case o.Digits != 0 && (o.Digits < 6 || o.Digits > 8):
		return fmt.Errorf("%w: a code has 6 to 8 digits", otp.ErrOptionUnsupported)
	case o.Algorithm < otp.AlgorithmSHA1 || o.Algorithm > otp.AlgorithmSHA512:
		return fmt.Errorf("%w: the hash is SHA-1, SHA-256 or SHA-512", otp.ErrOptionUnsupported)
	default:
		return nil
	}
}

// key is what the enrolment says, in the form that the callers of this package know.
func (o *GenerateOpts) key(enrollment *mfad.Enrollment) (*otp.Key, error) {
	made, err := otp.NewKeyFromURL(string(enrollment.URI))
	if err != nil || made.Secret() == "" {
		return nil, fmt.Errorf("%w: its URL cannot be read", otp.ErrNotServed)
	}
	if o.Digits != 0 && o.Digits != made.Digits() || o.Algorithm != otp.AlgorithmSHA1 && o.Algorithm != made.Algorithm() {
		return nil, fmt.Errorf("%w: the realm's codes have %d digits and are made with %s", otp.ErrOptionUnsupported,
			made.Digits(), made.Algorithm())
	}
	return otp.NewEnrolledKey(o.url(made, enrollment.Handle), enrollment.QR)
}

// url is that of the key, with every parameter and the handle.
func (o *GenerateOpts) url(made *otp.Key, handle string) string {
	whole := url.URL{
		Scheme: "otpauth",
		Host:   "totp",
		Path:   "/" + o.Issuer + ":" + o.AccountName,
		RawQuery: fmt.Sprintf("algorithm=%s&digits=%d&issuer=%s&period=%d&secret=%s&mfad=%s", made.Algorithm(), made.Digits(),
			escape(o.Issuer), made.Period(), escape(made.Secret()), escape(handle)),
	}
	return whole.String()
}

// escape is for a value of the query. A space is %20 there: not every app reads a plus.
func escape(value string) string {
	return strings.NewReplacer("&", "%26", "+", "%2B").Replace(url.PathEscape(value))
}
