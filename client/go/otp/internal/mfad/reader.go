package mfad

import (
	"errors"
	"time"
)

// read takes in what the server sends until the connection ends, and settles it then.
func (c *connection) read() {
	c.refuse(c.receive())
	c.socket.Close()
	<-c.written
	c.settle()
}

// receive returns why the connection ends.
//
// MUST: no memory is reserved for what the server announces; an answer that breaks the protocol reaches no caller.
func (c *connection) receive() error {
	inbox := frames.Get().(*frame)
	defer inbox.release()
	for {
		// A frame that is not whole leaves room.
		count, err := c.socket.Read(inbox.room[inbox.length:])
		if err != nil {
			return lost{err}
		}
		inbox.length += count
		taken, err := c.takeFrames(inbox)
		if err != nil {
			return err
		}
		c.heard(taken, inbox.length > 0)
	}
}

// heard renews the deadline after bytes have come. A frame that is not whole began now, when one before it was taken.
func (c *connection) heard(taken, partial bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !partial {
		c.began = time.Time{}
	} else if taken || c.began.IsZero() {
		c.began = time.Now()
	}
	c.setDeadline()
}

// takeFrames takes all whole frames out of the inbox, wipes what it took, and says whether there were any.
func (c *connection) takeFrames(inbox *frame) (bool, error) {
	rest := inbox.bytes()
	for {
		length, err := judge(rest)
		if err != nil {
			return false, err
		}
		if length == 0 || length > len(rest) {
			break
		}
		body, err := content(rest[:length])
		if err != nil {
			return false, err
		}
		if err := c.take(body); err != nil {
			return false, err
		}
		rest = rest[length:]
	}
	taken := len(rest) < inbox.length
	kept := copy(inbox.room[:], rest)
	clear(inbox.room[kept:inbox.length])
	inbox.length = kept
	return taken, nil
}

// take gives one answer to its caller.
func (c *connection) take(body []byte) error {
	head := coder{bytes: body}
	var id uint64
	head.u64(&id)
	if id == 0 {
		return farewell(body)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.waiting[id]
	if e == nil || !e.sent {
		return broken("an answer to no request")
	}
	// What nobody waits for is not unpacked: it may hold secrets that nobody would wipe.
	if !e.abandoned {
		_, answer, err := response(body, newReply)
		if err != nil {
			return err
		}
		result := outcome{reply: answer}
		if refusal, is := answer.(*Refusal); is {
			result = outcome{err: refusal}
		} else if !e.accepts(answer) {
			return broken("an answer to another call")
		}
		e.done <- result
	}
	c.answered = true
	c.forget(e)
	return nil
}

// farewell reads what the server says of its own accord.
func farewell(body []byte) error {
	_, reply, err := response(body, newReply)
	if err != nil {
		return err
	}
	if _, is := reply.(*goingAway); is {
		return errGoingAway
	}
	return broken("it could not read a frame")
}

var errGoingAway = errors.New("it is going away")
