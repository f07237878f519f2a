// Package totp makes and judges time-based codes, in the place of the package of the same path: see package otp of this
// module.
package totp

import (
	"errors"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/internal/handle"
	"github.com/pquerna/otp/internal/verifier"
)

// ValidateOpts of ValidateCustom and GenerateCodeCustom.
type ValidateOpts struct {
	// Period is how many seconds a code is shown. 0 means 30.
	Period uint
	// Skew is how many periods a code may be older or newer than the moment: 1000 at most.
	Skew uint
	// Digits is how many a code has. In GenerateCodeCustom 0 means 6; ValidateCustom wants to be told.
	Digits otp.Digits
	// Algorithm is the hash. The zero value is SHA-1.
	Algorithm otp.Algorithm
	// Encoder is how a number becomes a code.
	Encoder otp.Encoder
}

// What mfad and most apps use.
const usualPeriod = 30

// asked is who keeps the keys.
var asked = verifier.Shared

// Validate says whether this code is right. The secret is what [otp.Key.Secret] gave: a handle of mfad, or a key in base32.
//
// mfad judges a handle's code: whether it is right, now, for the first time. The first right code after Generate confirms
// the enrolment, and is used by that: a login needs a later one. A recovery code is right as well. A key in base32 is judged
// here: 6 digits, SHA-1, and the period of 30 s that is now, before or after. Such a code can be used again while it lasts.
//
// Whatever goes wrong is a no, and stands in the log. An empty secret is a no.
func Validate(passcode string, secret string) bool {
	right, err := ValidateCustom(passcode, secret, time.Now(), ValidateOpts{
		Period: usualPeriod, Skew: 1, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1,
	})
	return err == nil && right
}

// ValidateCustom says whether this code is right at a moment, by these options.
//
// Where the secret is a handle, mfad decides by its own clock and the realm's rules, each code once: the moment, Skew,
// Digits and Algorithm are not looked at. Another Period than 30 and another Encoder than the default are errors, since no
// key of mfad has them. A code that mfad denies is false without an error.
//
// Errors: otp.ErrValidateInputInvalidLength and otp.ErrValidateSecretInvalidBase32; otp.ErrHandleInvalid and
// otp.ErrOptionUnsupported; and from mfad otp.ErrNoAnswer, otp.ErrThrottled and otp.ErrNotServed. With an error it is false.
func ValidateCustom(passcode string, secret string, t time.Time, opts ValidateOpts) (bool, error) {
	passcode, secret = strings.TrimSpace(passcode), strings.TrimSpace(secret)
	if handle.Begins(secret) {
		return validateAtMfad(passcode, secret, opts)
	}
	return validateHere(passcode, secret, t, opts)
}

// The most bytes that mfad takes for a code.
const longestCode = 64

func validateAtMfad(passcode, secret string, opts ValidateOpts) (bool, error) {
	if !handle.Is(secret) {
		return false, otp.ErrHandleInvalid
	}
	if !isUsual(opts.Period) || opts.Encoder != otp.EncoderDefault {
		return false, otp.ErrOptionUnsupported
	}
	// Nothing is no guess, and is not to be counted as one.
	if len(passcode) == 0 || len(passcode) > longestCode {
		return false, otp.ErrValidateInputInvalidLength
	}
	err := asked().Verify(secret, passcode)
	if errors.Is(err, otp.ErrDenied) {
		return false, nil
	}
	return err == nil, err
}

func isUsual(period uint) bool { return period == 0 || period == usualPeriod }
