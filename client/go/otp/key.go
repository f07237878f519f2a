package otp

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/pquerna/otp/internal/handle"
	"github.com/pquerna/otp/internal/mfad"
)

// Key is a key as its otpauth URL says it, or the enrolment of one at mfad.
type Key struct {
	text  string
	url   url.URL
	query url.Values
	// Empty where the key is no enrolment of mfad.
	handle string
	// The zero value where there is no image.
	qr mfad.QR
}

// The parameter of the URL that names an enrolment of mfad.
const handleParameter = "mfad"

// NewKeyFromURL reads a key from its URL, which is that of [Key.URL] or any other of the form that apps read. Nothing but
// the form of an URL is demanded, and what a parameter does not say has its default. The key has no image.
//
// Errors: [ErrURLInvalid], and [ErrHandleInvalid] where the URL names an enrolment of mfad in a wrong way.
func NewKeyFromURL(orig string) (*Key, error) {
	text := strings.TrimSpace(orig)
	parsed, err := url.Parse(text)
	if err != nil {
		return nil, ErrURLInvalid
	}
	query, err := url.ParseQuery(parsed.RawQuery)
	// What cannot be read may have been a handle: then the key itself must not take its place.
	if err != nil && strings.Contains(parsed.RawQuery, handleParameter) {
		return nil, ErrHandleInvalid
	}
	key := &Key{text: text, url: *parsed, query: query}
	if named := query[handleParameter]; len(named) > 0 {
		if len(named) > 1 || !handle.Is(named[0]) {
			return nil, ErrHandleInvalid
		}
		key.handle = named[0]
	}
	return key, nil
}

// NewEnrolledKey is for package totp alone: nobody else can name the type of the code. It is a key with an image.
func NewEnrolledKey(url string, qr mfad.QR) (*Key, error) {
	key, err := NewKeyFromURL(url)
	if err != nil {
		return nil, err
	}
	key.qr = qr
	return key, nil
}

// String is the URL as it was read. It holds the key: do not log it.
func (k *Key) String() string { return k.text }

// URL is what an app reads: besides the key it holds the handle, where mfad keeps the key. Do not log it.
func (k *Key) URL() string { return k.url.String() }

// Type is "totp", or what else the URL says.
func (k *Key) Type() string { return k.url.Host }

// Issuer is the name of who asks for codes.
func (k *Key) Issuer() string {
	if issuer := k.query.Get("issuer"); issuer != "" {
		return issuer
	}
	issuer, _, found := strings.Cut(k.label(), ":")
	if !found {
		return ""
	}
	return issuer
}

// AccountName is the name of the user.
func (k *Key) AccountName() string {
	label := k.label()
	if _, account, found := strings.Cut(label, ":"); found {
		return account
	}
	return label
}

func (k *Key) label() string { return strings.TrimPrefix(k.url.Path, "/") }

// Secret is what to keep, and what Validate of package totp takes: the handle where mfad keeps the key, and else the key in
// base32.
func (k *Key) Secret() string {
	if k.handle != "" {
		return k.handle
	}
	return k.query.Get("secret")
}

// Period is how many seconds a code is shown: 30 where the URL does not say it.
func (k *Key) Period() uint64 {
	if seconds, err := strconv.ParseUint(k.query.Get("period"), 10, 64); err == nil {
		return seconds
	}
	return 30
}

// Digits is how many a code has: 6 where the URL does not say it.
func (k *Key) Digits() Digits {
	if digits, err := strconv.ParseUint(k.query.Get("digits"), 10, strconv.IntSize-1); err == nil {
		return Digits(digits)
	}
	return DigitsSix
}

// Algorithm is the hash: SHA-1 where the URL does not name another one.
func (k *Key) Algorithm() Algorithm {
	named := strings.ToUpper(k.query.Get("algorithm"))
	for _, each := range []Algorithm{AlgorithmSHA256, AlgorithmSHA512, AlgorithmMD5} {
		if named == each.String() {
			return each
		}
	}
	return AlgorithmSHA1
}

// Encoder is how a number becomes a code.
func (k *Key) Encoder() Encoder {
	if strings.EqualFold(k.query.Get("encoder"), string(EncoderSteam)) {
		return EncoderSteam
	}
	return EncoderDefault
}
