package mfad

import (
	"strings"
	"unicode/utf8"
)

// Account says whose second factor a call is about (PROTOCOL.md, section 4): a user of a realm, or an enrolment by its
// handle. When Handle is not empty, Realm and User are not looked at.
type Account struct {
	// Realm has 1 to 32 bytes: a-z, 0-9 and -, the first a letter.
	Realm string
	// User has 1 to 255 bytes of UTF-8, without control characters, ':' and '/'. Case matters.
	User string
	// Handle is the public name of one enrolment. ErrDenied is the answer when no account bears it.
	Handle string
}

func (a *Account) fields(c *coder) {
	kind := byName
	if a.Handle != "" {
		kind = byHandle
	}
	variant(c, &kind, accountKinds, "an unknown kind of account")
	if kind == byHandle {
		c.text(&a.Handle, handleRule)
		return
	}
	c.text(&a.Realm, realmRule)
	c.text(&a.User, userRule)
}

type accountKind uint32

const (
	byName accountKind = iota
	byHandle
	accountKinds
)

// Origin says where a login comes from, in the words of the service: the Context of PROTOCOL.md, section 4. It goes to
// the audit, and Service counts where a realm excepts services from enforcement. What is longer than allowed is cut, and
// bytes that are not UTF-8 are replaced.
type Origin struct {
	// Service is what the caller calls itself, such as "sshd": 64 bytes at most.
	Service string
	// RemoteHost is where the person is, such as "192.0.2.7": 255 bytes at most.
	RemoteHost string
	// TTY is the terminal, such as "pts/3": 64 bytes at most.
	TTY string
}

func (o *Origin) fields(c *coder) {
	if c.writing {
		o = &Origin{cut(o.Service, labelRule.max), cut(o.RemoteHost, hostRule.max), cut(o.TTY, labelRule.max)}
	}
	c.text(&o.Service, labelRule)
	c.text(&o.RemoteHost, hostRule)
	c.text(&o.TTY, labelRule)
}

// cut shortens a text to so many bytes, at the end of a character.
func cut(text string, limit int) string {
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if len(text) <= limit {
		return text
	}
	for !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
