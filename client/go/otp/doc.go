// Package otp stands in for the package of the same path, and has mfad judge the codes. A program that was written for that
// one needs a line in its go.mod, and no change of its source:
//
//	replace github.com/pquerna/otp => ../mfad/client/go/otp
//
// What that program keeps as a user's secret is the public name of an enrolment from then on, a handle. The key itself
// stays with mfad. [Key.Secret] gives the handle, and Validate of package totp takes it. Keys in base32 that a program has
// kept from before are judged in the process, as they were.
//
// Two environment variables say where mfad is: MFAD_REALM names the realm, which is "netmaker" without it, and MFAD_SOCKET
// the path of the socket, which is /run/mfad/REALM/mfad.sock without it. MFAD_SERVER_UID names one uid more that may serve
// there. They are read once.
//
// Every call of mfad ends after 2 s, connecting included, and without an answer nobody gets in. What went wrong stands in
// the log of package log/slog: that mfad does not answer or does not serve this program is an error there, that an account
// must wait after wrong codes is a warning, and a code that was denied is told to who listens to level debug. No line holds
// a secret.
//
// # Differences
//
// A realm for such programs needs replace = "asserted" in its table: they enrol a user again without a code of the old
// factor.
//
// Only a key that Generate made has an image: see [Key.Image].
//
// Package hotp does not exist here. A key whose Type is "hotp" can be read, and nothing judges its codes.
//
// An empty secret is never a key, an URL that cannot be read is not repeated in the error, and nothing panics. The answers
// that differ from those of v1.5.0 of the other module are listed in the tests of internal/answers.
package otp

//go:generate go run ./internal/copy
