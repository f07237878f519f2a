package mfad

// Need says what a login needs next (PROTOCOL.md, section 6).
type Need struct {
	Kind NeedKind
	// Ticket says, of NeedEnroll, that Enroll wants the ticket of an administrator.
	Ticket bool
}

// NeedKind is the kind of a [Need]. Only NeedNothing lets a login go on without more.
type NeedKind uint32

const (
	// NeedCode: ask for a code, then Verify.
	NeedCode NeedKind = iota
	// NeedEnroll: the person must enrol before the login goes on.
	NeedEnroll
	// NeedNothing: there is no second factor, and none is enforced.
	NeedNothing
	// NeedLocked: nobody gets in until an administrator acts. Refuse the login.
	NeedLocked
	needKinds
)

// String is the kind in lower case.
func (k NeedKind) String() string { return word(k, "code", "enroll", "nothing", "locked") }

func (*Need) number() uint32 { return 3 }

func (n *Need) fields(c *coder) {
	variant(c, &n.Kind, needKinds, "an unknown need")
	if n.Kind == NeedEnroll {
		c.bool(&n.Ticket)
	}
}

// word is the name of a variant.
func word[T ~uint32](value T, words ...string) string {
	if uint64(value) < uint64(len(words)) {
		return words[value]
	}
	return "unknown"
}
