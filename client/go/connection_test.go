package mfad

import (
	"errors"
	"io"
	"testing"
)

// indebted is a connection without a socket that owes answers to the requests 1 and 2, which were sent.
func indebted() *connection {
	c := &connection{slots: make(chan struct{}, window), waiting: make(map[uint64]*exchange), over: make(chan struct{})}
	for id := range uint64(2) {
		c.slots <- struct{}{}
		accepts := func(reply) bool { return true }
		c.waiting[id+1] = &exchange{id: id + 1, sent: true, accepts: accepts, done: make(chan outcome, 1)}
	}
	return c
}

func TestARequestWhoseCallerHasLeftIsNotSent(t *testing.T) {
	c := indebted()
	e := c.waiting[1]
	e.sent, e.abandoned = false, true
	if c.begin(e) || e.sent || c.waiting[1] != nil || len(c.slots) != 1 {
		t.Errorf("%+v", e)
	}
}

func TestARequestThatIsNotSentYetHasNoAnswer(t *testing.T) {
	c := indebted()
	e := c.waiting[1]
	e.sent = false
	if err := c.take([]byte{1, 8}); !errors.Is(err, ErrProtocol) || len(e.done) != 0 {
		t.Errorf("%v", err)
	}
	e.sent = true
	if err := c.take([]byte{1, 8}); err != nil || len(e.done) != 1 {
		t.Errorf("%v", err)
	}
}

func TestALateAnswerFreesItsSlotAndIsNotUnpacked(t *testing.T) {
	c := indebted()
	e := c.waiting[1]
	e.abandoned = true
	if err := c.take([]byte{1, 99, 99}); err != nil || len(e.done) != 0 || len(c.slots) != 1 {
		t.Errorf("%v", err)
	}
}

// The writer meets the end of a connection before the reader has read the farewell: what was sent was not looked at.
func TestTheServersWordTellsMoreThanALostConnection(t *testing.T) {
	c := indebted()
	c.refuse(lost{io.ErrClosedPipe})
	c.refuse(errGoingAway)
	if result := c.waiting[1].fate(c.cause); !result.again || !errors.Is(result.err, ErrGone) {
		t.Errorf("%v", result.err)
	}
	c = indebted()
	c.refuse(ErrClosed)
	c.refuse(lost{io.ErrClosedPipe})
	if result := c.waiting[1].fate(c.cause); result.again || !errors.Is(result.err, ErrClosed) {
		t.Errorf("%v", result.err)
	}
}

func TestTheFateOfARequestDecidesWhetherItIsSentAgain(t *testing.T) {
	gone, garbage, version := lost{io.EOF}, broken("garbage"), &VersionError{Min: 2, Max: 3}
	for _, each := range []struct {
		cause          error
		sent, harmless bool
		wanted         error
		again          bool
	}{
		{errGoingAway, true, false, ErrGone, true},
		{gone, true, false, ErrUnknownFate, false},
		{gone, true, true, ErrGone, true},
		{gone, false, false, ErrGone, true},
		{garbage, true, false, ErrUnknownFate, false},
		{garbage, true, false, ErrProtocol, false},
		{garbage, true, true, ErrProtocol, false},
		{garbage, false, false, ErrProtocol, true},
		{version, true, false, version, false},
		{version, false, false, version, false},
		{ErrClosed, true, false, ErrUnknownFate, false},
		{ErrClosed, false, false, ErrClosed, false},
		{ErrClosed, true, true, ErrClosed, false},
	} {
		result := (&exchange{sent: each.sent, harmless: each.harmless}).fate(each.cause)
		if !errors.Is(result.err, each.wanted) || result.again != each.again {
			t.Errorf("%+v: %v, %v", each, result.err, result.again)
		}
	}
}
