package mfad

import "time"

// write sends what callers post, in its order, until the connection is over.
func (c *connection) write() {
	defer close(c.written)
	for {
		select {
		case e := <-c.outbox:
			if err := c.send(e); err != nil {
				c.refuse(err)
				return
			}
		case <-c.over:
			return
		}
	}
}

func (c *connection) send(e *exchange) error {
	defer e.request.release()
	if !c.begin(e) {
		return nil
	}
	if _, err := c.socket.Write(e.request.bytes()); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		// Its last byte was not written, so that it is not judged. Answers to others may still be there.
		e.sent = false
		c.drained = time.Now().Add(drainTime)
		c.setDeadline()
		return lost{err}
	}
	return nil
}

// begin says whether the request is to be sent, and counts it as sent.
func (c *connection) begin(e *exchange) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.abandoned {
		c.forget(e)
	}
	e.sent = !e.abandoned
	return e.sent
}
