package mfad_test

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mfad"
)

// What is sent again, and what never is (PROTOCOL.md, section 8).

func TestWhatWasNotLookedAtIsSentAgain(t *testing.T) {
	s := perform(t, func(connection *net.UnixConn, number int) {
		body := receive(connection)
		switch {
		case body == nil:
			return
		case number < 3:
			connection.Write(farewell)
			return
		}
		connection.Write(answer(body[0], accepted))
		hold(connection)
	})
	client := s.dial(t, mfad.Options{Patience: time.Minute, Deadline: time.Minute})
	if _, err := client.Verify(t.Context(), alice, code, origin); err != nil || s.connections.Load() != 4 {
		t.Errorf("%v after %d connections", err, s.connections.Load())
	}
}

func TestAServerThatSendsEverybodyAwayIsGivenUp(t *testing.T) {
	s := perform(t, func(connection *net.UnixConn, number int) { connection.Write(farewell) })
	client := s.dial(t, mfad.Options{})
	if _, err := client.Verify(t.Context(), alice, code, origin); !errors.Is(err, mfad.ErrGone) {
		t.Errorf("%v", err)
	}
	// 10 ms, 20 ms and so on lie between them.
	if tries := s.connections.Load(); tries < 2 || tries > 10 {
		t.Errorf("%d connections", tries)
	}
}

func TestACodeOfUnknownFateIsNeverSentAgain(t *testing.T) {
	var frames atomic.Int32
	s := perform(t, func(connection *net.UnixConn, number int) {
		if receive(connection) != nil {
			frames.Add(1)
		}
	})
	client := s.dial(t, mfad.Options{Patience: time.Minute})
	if _, err := client.Verify(t.Context(), alice, code, origin); !errors.Is(err, mfad.ErrUnknownFate) {
		t.Errorf("%v", err)
	}
	if frames.Load() != 1 {
		t.Errorf("sent %d times", frames.Load())
	}
}

func TestAQuestionOfUnknownFateIsAskedAgain(t *testing.T) {
	s := perform(t, func(connection *net.UnixConn, number int) {
		body := receive(connection)
		if number == 0 || body == nil {
			return
		}
		connection.Write(answer(body[0], []byte{3, 0}))
		hold(connection)
	})
	need, err := s.dial(t, mfad.Options{}).Begin(t.Context(), alice, origin)
	if err != nil || need.Kind != mfad.NeedCode || s.connections.Load() != 2 {
		t.Errorf("%v, %v after %d connections", need, err, s.connections.Load())
	}
}

// The answers that stand before the end of a connection reach their callers, also when the writer has met the end first.
func TestTheLastAnswersAreRead(t *testing.T) {
	for range 50 {
		var answered atomic.Int32
		s := perform(t, func(connection *net.UnixConn, number int) {
			if body := receive(connection); body != nil {
				answered.Add(1)
				connection.Write(append(answer(body[0], accepted), farewell...))
			}
		})
		client := s.dial(t, mfad.Options{})
		var group sync.WaitGroup
		var yes atomic.Int32
		for range 8 {
			group.Go(func() {
				switch _, err := client.Verify(t.Context(), alice, code, origin); {
				case err == nil:
					yes.Add(1)
				case !errors.Is(err, mfad.ErrGone):
					t.Errorf("%v", err)
				}
			})
		}
		group.Wait()
		if yes.Load() != answered.Load() {
			t.Errorf("%d answers reached their callers, of %d", yes.Load(), answered.Load())
		}
	}
}
