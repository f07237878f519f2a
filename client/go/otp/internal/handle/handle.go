// Package handle tells the handles of mfad from keys (PROTOCOL.md, section 4). A handle is the public name of an enrolment.
package handle

import "strings"

const (
	// The colon is no sign of base32: no key begins so.
	prefix = "mfad1:"
	signs  = 32
)

// Begins says whether a text is meant as a handle.
func Begins(text string) bool { return strings.HasPrefix(text, prefix) }

// Is says whether a text is a handle.
func Is(text string) bool {
	rest, found := strings.CutPrefix(text, prefix)
	foreign := func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '2' || r > '7') }
	return found && len(rest) == signs && !strings.ContainsFunc(rest, foreign)
}
