package mfad

import (
	"strings"
	"unicode/utf8"
)

// Rules of texts and bytes (PROTOCOL.md, section 4). Lengths are in bytes.

// A rule is what a text must be. What says it in words.
type rule struct {
	what     string
	min, max int
	allowed  func(string) bool
}

func (r rule) holds(text string) bool {
	return len(text) >= r.min && len(text) <= r.max && utf8.ValidString(text) && (r.allowed == nil || r.allowed(text))
}

// Bounds are how many bytes there may be.
type bounds struct {
	what     string
	min, max int
}

var (
	realmRule  = rule{"a realm has 1 to 32 of a-z, 0-9 and -, and begins with a letter", 1, 32, isRealm}
	userRule   = rule{"a user has 1 to 255 bytes of UTF-8, without control characters, : and /", 1, 255, isUser}
	handleRule = rule{"a handle is mfad1: and 32 characters of base32", 38, 38, isHandle}
	issuerRule = rule{"an issuer has 1 to 64 bytes of UTF-8, without control characters and :", 1, 64, isIssuer}
	labelRule  = rule{"a label has at most 64 bytes of UTF-8", 0, 64, nil}
	noteRule   = rule{"a reason has 1 to 255 bytes of UTF-8, without control characters", 1, 255, isPlain}
	hostRule   = rule{"a remote host has at most 255 bytes of UTF-8", 0, 255, nil}
	anyText    = rule{"a text is not UTF-8", 0, maxLength, nil}

	codeBounds     = bounds{"a code has at most 64 bytes", 0, 64}
	passwordBounds = bounds{"a password has at most 1024 bytes", 0, 1024}
	secretText     = bounds{"a secret text has at most 1400 bytes of ASCII", 0, 1400}
)

func isRealm(text string) bool {
	for place, each := range []byte(text) {
		letter := each >= 'a' && each <= 'z'
		if !letter && (place == 0 || each != '-' && (each < '0' || each > '9')) {
			return false
		}
	}
	return true
}

func isUser(text string) bool   { return isPlain(text) && !strings.ContainsAny(text, ":/") }
func isIssuer(text string) bool { return isPlain(text) && !strings.Contains(text, ":") }

// isPlain says that there is no control character: U+0000 to U+001F, U+007F to U+009F.
func isPlain(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r >= 0x7f && r <= 0x9f })
}

func isHandle(text string) bool {
	digits, found := strings.CutPrefix(text, "mfad1:")
	foreign := func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '2' || r > '7') }
	return found && !strings.ContainsFunc(digits, foreign)
}
