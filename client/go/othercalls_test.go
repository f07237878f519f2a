package mfad

// The calls that this client does not have, so that the tests know the whole protocol: List, Show, ImportOne, Audit, Stats,
// KeyStatus, KeyRotate, Backup and ListHandles.

func option[T any](c *coder, value **T, fields func(*T)) {
	if !c.flag(*value != nil) {
		return
	}
	if !c.writing {
		*value = new(T)
	}
	fields(*value)
}

func list[T any](c *coder, items *[]T, fields func(*T)) {
	count := c.count(len(*items))
	for place := 0; place < count && c.err == nil; place++ {
		if !c.writing {
			*items = append(*items, *new(T))
		}
		fields(&(*items)[place])
	}
}

func (c *coder) label(value *string) { c.text(value, labelRule) }
func (c *coder) user(value *string)  { c.text(value, userRule) }
func (c *coder) realm(value *string) { c.text(value, realmRule) }

type listCall struct {
	question
	Realm string
	After *string
	Limit uint32
}

func (*listCall) number() uint32 { return 11 }

func (l *listCall) fields(c *coder) {
	c.realm(&l.Realm)
	option(c, &l.After, c.user)
	c.u32(&l.Limit)
}

type show struct {
	question
	Account Account
}

func (*show) number() uint32    { return 12 }
func (s *show) fields(c *coder) { s.Account.fields(c) }

type algorithm uint32

func (a algorithm) String() string { return word(a, "SHA1", "SHA256", "SHA512") }

func (c *coder) digits(value *byte) {
	c.u8(value)
	if *value < 6 || *value > 8 {
		c.fail("a code has 6 to 8 digits")
	}
}

type hexadecimal []byte

type foreignFactor struct {
	Key       hexadecimal
	Algorithm algorithm
	Digits    byte
}

type importOne struct {
	change
	Account Account
	Factor  foreignFactor
	Apply   bool
}

func (*importOne) number() uint32 { return 20 }

func (i *importOne) fields(c *coder) {
	i.Account.fields(c)
	c.secret((*Secret)(&i.Factor.Key), bounds{"a key has 16 to 64 bytes", 16, 64})
	variant(c, &i.Factor.Algorithm, 3, "an unknown algorithm")
	c.digits(&i.Factor.Digits)
	c.bool(&i.Apply)
}

type logPlace struct{ File, Offset uint64 }

func (l *logPlace) fields(c *coder) {
	c.u64(&l.File)
	c.u64(&l.Offset)
}

type logFilter struct {
	Realm, User  *string
	Since, Until *uint64
	Outcome      *string
}

type audit struct {
	question
	After  *logPlace
	Filter logFilter
	Verify bool
}

func (*audit) number() uint32 { return 21 }

func (a *audit) fields(c *coder) {
	option(c, &a.After, func(place *logPlace) { place.fields(c) })
	option(c, &a.Filter.Realm, c.realm)
	option(c, &a.Filter.User, c.user)
	option(c, &a.Filter.Since, c.u64)
	option(c, &a.Filter.Until, c.u64)
	option(c, &a.Filter.Outcome, c.label)
	c.bool(&a.Verify)
}

// A statsPlace is rendered as the variant that it is.
type statsPlace struct {
	kind    uint32
	sample  uint32
	account *Account
}

func (s *statsPlace) fields(c *coder) {
	variant(c, &s.kind, 2, "an unknown place")
	if s.kind == 0 {
		c.u32(&s.sample)
		return
	}
	option(c, &s.account, func(account *Account) {
		c.realm(&account.Realm)
		c.user(&account.User)
	})
}

type stats struct {
	question
	After *statsPlace
}

func (*stats) number() uint32 { return 22 }

func (s *stats) fields(c *coder) { option(c, &s.After, func(place *statsPlace) { place.fields(c) }) }

type keyStatus struct{ question }

func (*keyStatus) number() uint32 { return 23 }
func (*keyStatus) fields(*coder)  {}

type keyRotate struct{ change }

func (*keyRotate) number() uint32 { return 24 }
func (*keyRotate) fields(*coder)  {}

type backup struct {
	question
	Passphrase []byte
}

func (*backup) number() uint32    { return 25 }
func (b *backup) fields(c *coder) { c.bytesOf(&b.Passphrase, passwordBounds) }

type listHandles listCall

func (*listHandles) number() uint32    { return 26 }
func (l *listHandles) fields(c *coder) { (*listCall)(l).fields(c) }

// newRequest is an empty request of this number. Nil when there is none.
func newRequest(number uint64) request {
	requests := []request{
		new(ping), new(begin), new(status), new(verify), new(enroll), new(confirm), new(reset), new(authenticate),
		new(recovery), new(resync), new(passwd), new(listCall), new(show), new(disable), new(unlock), new(issue),
		new(remove), new(setPolicy), new(getPolicy), new(setPassword), new(importOne), new(audit), new(stats),
		new(keyStatus), new(keyRotate), new(backup), new(listHandles),
	}
	if number < uint64(len(requests)) {
		return requests[number]
	}
	return nil
}
