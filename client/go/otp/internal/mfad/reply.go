package mfad

import "fmt"

// A reply is one of PROTOCOL.md, section 6. A client knows those to the calls that it has.
type reply interface {
	number() uint32
	fields(*coder)
}

// newReply is an empty reply of this number. Nil when this client has no call that it answers.
func newReply(number uint32) reply {
	switch number {
	case 0:
		return new(Refusal)
	case 1:
		return new(goingAway)
	case 2:
		return new(Pong)
	case 3:
		return new(Need)
	case 4:
		return new(Status)
	case 5:
		return new(Accepted)
	case 6:
		return new(Enrollment)
	case 7:
		return new(enrolled)
	case 8:
		return new(done)
	case 10:
		return new(renewed)
	case 11:
		return new(Issued)
	case 13:
		return new(Policy)
	default:
		return nil
	}
}

// response reads the body of a frame of the server, with such replies as known makes.
func response(body []byte, known func(uint32) reply) (uint64, reply, error) {
	var (
		id     uint64
		number uint32
	)
	c := coder{bytes: body}
	c.u64(&id)
	c.u32(&number)
	if c.err != nil {
		return 0, nil, broken(c.err.Error())
	}
	reply := known(number)
	if reply == nil {
		return 0, nil, broken(fmt.Sprintf("reply %d is not known here", number))
	}
	reply.fields(&c)
	if err := c.finish(); err != nil {
		return 0, nil, broken(err.Error())
	}
	return id, reply, nil
}

// goingAway is the server's farewell: what has no answer was not looked at.
type goingAway struct{}

func (*goingAway) number() uint32 { return 1 }
func (*goingAway) fields(*coder)  {}

type done struct{}

func (*done) number() uint32 { return 8 }
func (*done) fields(*coder)  {}

type enrolled struct{ recoveryCodes RecoveryCodes }

func (*enrolled) number() uint32    { return 7 }
func (e *enrolled) fields(c *coder) { e.recoveryCodes.fields(c) }

type renewed struct{ recoveryCodes RecoveryCodes }

func (*renewed) number() uint32    { return 10 }
func (r *renewed) fields(c *coder) { r.recoveryCodes.fields(c) }
