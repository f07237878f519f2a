package otp

import "errors"

// The errors of keys in base32, and of what Generate is given.
var (
	// ErrValidateSecretInvalidBase32: the secret is no base32, or it is empty.
	ErrValidateSecretInvalidBase32 = errors.New("Decoding of secret as base32 failed.")
	// ErrValidateInputInvalidLength: a code has another length.
	ErrValidateInputInvalidLength = errors.New("Input length unexpected")
	// ErrGenerateMissingIssuer: there is no Issuer.
	ErrGenerateMissingIssuer = errors.New("Issuer must be set")
	// ErrGenerateMissingAccountName: there is no AccountName.
	ErrGenerateMissingAccountName = errors.New("AccountName must be set")
)

// The errors that only this package knows. The last four come together with what mfad's client says.
var (
	// ErrURLInvalid: a text is no URL. It is not repeated, for it may hold a key.
	ErrURLInvalid = errors.New("otp: the URL of a key cannot be read")
	// ErrHandleInvalid: a text begins as a handle of mfad does, or stands where one must, and is none.
	ErrHandleInvalid = errors.New("otp: not a handle of mfad")
	// ErrOptionUnsupported: an option asks for what mfad decides by itself, or for what does not exist.
	ErrOptionUnsupported = errors.New("otp: an option is not supported")
	// ErrNoImage: the key was not made by Generate, and mfad draws a key once.
	ErrNoImage = errors.New("otp: only a key that Generate has made has an image")

	// ErrNoAnswer: mfad is down, cannot answer now, or has not answered in time.
	ErrNoAnswer = errors.New("otp: mfad does not answer")
	// ErrThrottled: there were too many wrong codes, and the account must wait. The code was not judged.
	ErrThrottled = errors.New("otp: mfad makes the account wait")
	// ErrDenied: mfad does not enrol the account. A code that is denied is no error.
	ErrDenied = errors.New("otp: mfad denies it")
	// ErrNotServed: mfad does not serve this program, or another program serves at its socket.
	ErrNotServed = errors.New("otp: mfad does not serve this program")
)
