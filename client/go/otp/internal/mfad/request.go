package mfad

// A request is one call with its fields (PROTOCOL.md, section 5).
type request interface {
	number() uint32
	fields(*coder)
	// repeatable says that it may be sent again when its fate is unknown, for it changes nothing (section 8).
	repeatable() bool
	// slow says that a password is judged or hashed on the way, which takes its time (section 9).
	slow() bool
}

// writeRequest puts the frame of a request into f. An error is the caller's: an argument breaks a rule.
func (f *frame) writeRequest(id uint64, request request) error {
	return f.write(func(c *coder) {
		number := request.number()
		c.u64(&id)
		c.u32(&number)
		request.fields(c)
	})
}

// A question is a request that changes nothing.
type question struct{}

func (question) repeatable() bool { return true }
func (question) slow() bool       { return false }

// A change is a request that must not be sent again when its fate is unknown.
type change struct{}

func (change) repeatable() bool { return false }
func (change) slow() bool       { return false }

// Hashing is a change with a password in it.
type hashing struct{ change }

func (hashing) slow() bool { return true }
