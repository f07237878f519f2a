package mfad

import "strings"

// The replies to the calls that this client does not have.

type backedUp struct{ Records uint64 }

func (*backedUp) number() uint32    { return 9 }
func (b *backedUp) fields(c *coder) { c.u64(&b.Records) }

type keys struct {
	Key     uint32
	MadeAt  uint64
	Old     *uint32
	Records uint64
	Left    uint64
}

func (*keys) number() uint32 { return 12 }

func (k *keys) fields(c *coder) {
	c.u32(&k.Key)
	c.u64(&k.MadeAt)
	option(c, &k.Old, c.u32)
	c.u64(&k.Records)
	c.u64(&k.Left)
}

type holder uint32

func (h holder) String() string { return word(h, "not_unix", "same", "gone", "other", "unknown") }

type listed struct {
	User          string
	State         State
	Enforced      bool
	EnrolledAt    *uint64
	LastSuccess   *uint64
	RecoveryLeft  uint32
	FailuresSince uint32
	RetryAfter    *uint32
	Holder        holder
}

type accounts struct {
	Accounts []listed
	Next     *string
}

func (*accounts) number() uint32 { return 14 }

func (a *accounts) fields(c *coder) {
	list(c, &a.Accounts, func(l *listed) {
		c.user(&l.User)
		variant(c, &l.State, states, "an unknown state")
		c.bool(&l.Enforced)
		option(c, &l.EnrolledAt, c.u64)
		option(c, &l.LastSuccess, c.u64)
		c.u32(&l.RecoveryLeft)
		c.u32(&l.FailuresSince)
		option(c, &l.RetryAfter, c.u32)
		variant(c, &l.Holder, 5, "an unknown holder")
	})
	option(c, &a.Next, c.user)
}

type factorProfile struct {
	Algorithm     algorithm
	Digits        byte
	Behind, Ahead uint32
	Handle        string
}

type profile struct {
	Status             Status
	Holder             holder
	UID                *uint32
	Factor             *factorProfile
	Generation         uint64
	PendingUntil       *uint64
	IssuedUntil        *uint64
	HasPassword        bool
	LastFailure        *Failure
	PasswordRetryAfter *uint32
	LoginRetryAfter    *uint32
	OwnLocked          bool
}

func (*profile) number() uint32 { return 15 }

func (p *profile) fields(c *coder) {
	p.Status.fields(c)
	variant(c, &p.Holder, 5, "an unknown holder")
	option(c, &p.UID, c.u32)
	option(c, &p.Factor, func(f *factorProfile) {
		variant(c, &f.Algorithm, 3, "an unknown algorithm")
		c.digits(&f.Digits)
		c.u32(&f.Behind)
		c.u32(&f.Ahead)
		c.text(&f.Handle, handleRule)
	})
	c.u64(&p.Generation)
	option(c, &p.PendingUntil, c.u64)
	option(c, &p.IssuedUntil, c.u64)
	c.bool(&p.HasPassword)
	option(c, &p.LastFailure, func(failure *Failure) { failure.fields(c) })
	option(c, &p.PasswordRetryAfter, c.u32)
	option(c, &p.LoginRetryAfter, c.u32)
	c.bool(&p.OwnLocked)
}

type imported struct {
	Already bool
	Handle  *string
}

func (*imported) number() uint32 { return 16 }

func (i *imported) fields(c *coder) {
	c.bool(&i.Already)
	option(c, &i.Handle, func(handle *string) { c.text(handle, handleRule) })
}

// A logFault is rendered as its word, or as its word and its lines.
type logFault struct {
	kind  uint32
	lines uint64
}

func (l logFault) word() string {
	return word(l.kind, "changed", "missing", "lost", "crashed", "cut", "no_file")
}

func (l logFault) hasLines() bool { return l.kind == 1 || l.kind == 2 || l.kind == 4 }

type logFinding struct {
	File, Line uint64
	Fault      logFault
}

type log struct {
	Lines    []string
	Findings []logFinding
	Passed   uint32
	Next     *logPlace
}

func (*log) number() uint32 { return 17 }

var lineRule = rule{"a line has at most 3072 bytes, and no break", 0, 3072, func(text string) bool {
	return !strings.Contains(text, "\n")
}}

func (l *log) fields(c *coder) {
	list(c, &l.Lines, func(line *string) { c.text(line, lineRule) })
	list(c, &l.Findings, func(finding *logFinding) {
		c.u64(&finding.File)
		c.u64(&finding.Line)
		variant(c, &finding.Fault.kind, 6, "an unknown fault")
		if finding.Fault.hasLines() {
			c.u64(&finding.Fault.lines)
		}
	})
	c.u32(&l.Passed)
	option(c, &l.Next, func(place *logPlace) { place.fields(c) })
}

type sample struct {
	Metric uint32
	Labels []string
	Value  uint64
}

type statistics struct {
	Samples []sample
	Next    *statsPlace
}

func (*statistics) number() uint32 { return 18 }

func (s *statistics) fields(c *coder) {
	list(c, &s.Samples, func(each *sample) {
		c.u32(&each.Metric)
		list(c, &each.Labels, c.label)
		c.u64(&each.Value)
	})
	option(c, &s.Next, func(place *statsPlace) { place.fields(c) })
}

type stage uint32

func (s stage) String() string { return word(s, "pending", "current", "superseded") }

type listedHandle struct {
	Handle string
	User   string
	Stage  stage
	Since  uint64
}

type handles struct {
	Handles []listedHandle
	Next    *string
}

func (*handles) number() uint32 { return 19 }

func (h *handles) fields(c *coder) {
	list(c, &h.Handles, func(l *listedHandle) {
		c.text(&l.Handle, handleRule)
		c.user(&l.User)
		variant(c, &l.Stage, 3, "an unknown stage")
		c.u64(&l.Since)
	})
	option(c, &h.Next, c.user)
}

// anyReply knows all replies.
func anyReply(number uint32) reply {
	for _, other := range []func() reply{
		func() reply { return new(backedUp) }, func() reply { return new(keys) }, func() reply { return new(accounts) },
		func() reply { return new(profile) }, func() reply { return new(imported) }, func() reply { return new(log) },
		func() reply { return new(statistics) }, func() reply { return new(handles) },
	} {
		if reply := other(); reply.number() == number {
			return reply
		}
	}
	return newReply(number)
}
