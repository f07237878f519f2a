package mfad

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// A connection carries the requests of many callers at once (PROTOCOL.md, section 8). One goroutine writes and one reads;
// both end with it.
//
// MUST: a request whose last byte may have been written counts as sent; one that was sent is told its fate as unknown
// unless the server has answered it or has said that it is going away.
type connection struct {
	socket *net.UnixConn
	// silence is how long the server may send nothing while it owes an answer.
	silence time.Duration
	// One for each request that the server works on, or is about to: further ones wait here and not in the socket, where
	// their fate would be unknown.
	slots  chan struct{}
	outbox chan *exchange
	// Closed when no request is taken any more; when the last byte is written; and when every caller has its outcome.
	over, written, settled chan struct{}

	mu       sync.Mutex
	lastID   uint64
	waiting  map[uint64]*exchange
	answered bool
	// Why it is over.
	cause error
	// When the first byte came of a frame that is not whole. Zero when there is none.
	began time.Time
	// When the reader gives up after the writer has failed. Zero before.
	drained time.Time
}

// An exchange is one request and its answer. All but done belongs to the connection's mutex.
type exchange struct {
	id      uint64
	request *frame
	accepts func(reply) bool
	// harmless says that it may be sent twice.
	harmless bool
	// sent says that its last byte may have been written.
	sent bool
	// abandoned says that its caller has left.
	abandoned bool
	// Takes one outcome.
	done chan outcome
}

// An outcome is a reply or an error; again says that the request may be sent again.
type outcome struct {
	reply reply
	err   error
	again bool
}

const (
	// window is how many requests of one connection the server works on at a time (PROTOCOL.md, section 9).
	window = 64
	// frameTime bounds the time from the first byte of a frame to its last.
	frameTime = 2 * time.Second
	// drainTime bounds the reading of what is still there after the server has closed.
	drainTime = 2 * time.Second
)

func newConnection(socket *net.UnixConn, silence time.Duration) *connection {
	c := &connection{
		socket:  socket,
		silence: silence,
		slots:   make(chan struct{}, window),
		outbox:  make(chan *exchange, window),
		over:    make(chan struct{}),
		written: make(chan struct{}),
		settled: make(chan struct{}),
		waiting: make(map[uint64]*exchange),
	}
	go c.write()
	go c.read()
	return c
}

func (c *connection) isOver() bool {
	select {
	case <-c.over:
		return true
	default:
		return false
	}
}

func (c *connection) hasAnswered() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answered
}

// close ends the connection for this reason, and returns when both goroutines have ended.
func (c *connection) close(cause error) {
	c.refuse(cause)
	c.socket.Close()
	<-c.settled
}

// refuse takes no further request. The first reason is kept, but a word of the server tells more than a lost connection.
func (c *connection) refuse(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		close(c.over)
	}
	if c.cause == nil || errors.As(c.cause, new(lost)) {
		c.cause = cause
	}
}

// ask sends a request and waits for its answer, until ctx ends.
func (c *connection) ask(ctx context.Context, request request, accepts func(reply) bool) outcome {
	select {
	case c.slots <- struct{}{}:
	case <-c.over:
		return c.unseen()
	case <-ctx.Done():
		return outcome{err: fmt.Errorf("mfad: the server is busy: %w", ctx.Err())}
	}
	e := &exchange{
		request:  frames.Get().(*frame),
		accepts:  accepts,
		harmless: request.repeatable(),
		done:     make(chan outcome, 1),
	}
	if err := c.post(e, request); err != nil {
		e.request.release()
		<-c.slots
		return outcome{err: err}
	}
	select {
	case result := <-e.done:
		return result
	case <-ctx.Done():
		return c.abandon(e, ctx.Err())
	}
}

// post hands a request to the writer. Where the connection is over, the outcome says so.
func (c *connection) post(e *exchange, request request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastID++
	e.id = c.lastID
	if err := e.request.writeRequest(e.id, request); err != nil {
		return err
	}
	if c.cause != nil {
		e.request.release()
		e.done <- e.fate(c.cause)
		return nil
	}
	c.waiting[e.id] = e
	// There is room: no more are here than have a slot.
	c.outbox <- e
	if len(c.waiting) == 1 {
		c.setDeadline()
	}
	return nil
}

func (c *connection) unseen() outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	return (&exchange{}).fate(c.cause)
}

// abandon leaves an exchange whose caller's time is up. It keeps its slot until the server answers, for the server is
// still at it.
func (c *connection) abandon(e *exchange, why error) outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case result := <-e.done:
		return result
	default:
	}
	e.abandoned = true
	if e.sent && !e.harmless {
		return outcome{err: fmt.Errorf("%w: %w", ErrUnknownFate, why)}
	}
	return outcome{err: fmt.Errorf("mfad: no answer came: %w", why)}
}

// forget takes an exchange off the connection. The caller holds the mutex.
func (c *connection) forget(e *exchange) {
	delete(c.waiting, e.id)
	<-c.slots
	if len(c.waiting) == 0 {
		c.setDeadline()
	}
}

// setDeadline says until when the reader waits for the next byte: it is called when one has come, and when the server
// begins or ceases to owe an answer. The caller holds the mutex.
func (c *connection) setDeadline() {
	var end time.Time
	if !c.began.IsZero() {
		end = c.began.Add(frameTime)
	} else if len(c.waiting) > 0 {
		end = time.Now().Add(c.silence)
	}
	if !c.drained.IsZero() && (end.IsZero() || c.drained.Before(end)) {
		end = c.drained
	}
	// It fails on a closed socket alone, which the reader sees.
	_ = c.socket.SetReadDeadline(end)
}

// settle gives every caller that waits its outcome. Neither goroutine uses the connection any more.
func (c *connection) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.outbox) > 0 {
		(<-c.outbox).request.release()
	}
	for _, e := range c.waiting {
		e.done <- e.fate(c.cause)
	}
	clear(c.waiting)
	close(c.settled)
}
