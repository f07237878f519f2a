package mfad_test

import (
	"bytes"
	"errors"
	"net"
	"runtime"
	"sync"
	"testing"

	"mfad"
)

// Servers that break the protocol: an error in time, and never an answer.

func TestWhatBreaksTheProtocolIsNeverAnAnswer(t *testing.T) {
	giant := bytes.Repeat([]byte{0xff}, 4)
	for what, said := range map[string][]byte{
		"nothing":                        nil,
		"garbage":                        []byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
		"a length of 0":                  make([]byte, 4),
		"a giant length":                 giant,
		"a giant length and much else":   append(giant, make([]byte, 100_000)...),
		"an end in mid-length":           {5, 0},
		"an end in mid-frame":            answer(1, accepted)[:8],
		"another version":                {4, 0, 0, 0, 2, 1, 8, 0},
		"no id":                          framed(),
		"no reply":                       framed(1),
		"an unknown reply":               framed(1, 99),
		"a reply to a call it lacks":     framed(1, 9, 0),
		"an unknown id":                  answer(2, accepted),
		"the id of all ids":              framed(0xfd, 255, 255, 255, 255, 255, 255, 255, 255, 5, 0, 10, 0, 0),
		"bytes left over":                answer(1, append(accepted, 0)),
		"a byte too few":                 answer(1, accepted[:4]),
		"Done":                           answer(1, done),
		"a Need that lets through":       framed(1, 3, 2),
		"an accepted password":           framed(1, 5, 2, 0, 0, 0),
		"an unknown factor":              framed(1, 5, 3, 0, 0, 0),
		"codes, 2^40 of them":            framed(1, 7, 0xfd, 0, 0, 0, 0, 0, 1, 0, 0),
		"a text of 2^63 bytes":           framed(1, 2, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0x80),
		"a frame that it could not read": framed(0, 0, 5),
		"an answer to no request":        framed(0, 5, 0, 10, 0, 0),
	} {
		t.Run(what, func(t *testing.T) {
			s := perform(t, func(connection *net.UnixConn, number int) {
				if receive(connection) != nil {
					connection.Write(said)
				}
			})
			_, err := s.dial(t, mfad.Options{}).Verify(t.Context(), alice, code, origin)
			if !errors.Is(err, mfad.ErrUnknownFate) {
				t.Errorf("%v", err)
			}
			if s.connections.Load() != 1 {
				t.Errorf("%d connections", s.connections.Load())
			}
		})
	}
}

func TestAnAnswerBeforeItsRequestEndsTheConnection(t *testing.T) {
	ended := make(chan int, 1)
	s := perform(t, func(connection *net.UnixConn, number int) {
		connection.Write(answer(1, accepted))
		ended <- hold(connection)
	})
	s.dial(t, mfad.Options{})
	if frames := <-ended; frames != 0 {
		t.Errorf("%d frames came", frames)
	}
}

func TestASecondAnswerEndsTheConnection(t *testing.T) {
	ended := make(chan int, 1)
	s := perform(t, func(connection *net.UnixConn, number int) {
		receive(connection)
		connection.Write(append(answer(1, accepted), answer(1, accepted)...))
		ended <- hold(connection)
	})
	if _, err := s.dial(t, mfad.Options{}).Verify(t.Context(), alice, code, origin); err != nil {
		t.Errorf("%v", err)
	}
	if frames := <-ended; frames != 0 {
		t.Errorf("%d more frames came", frames)
	}
}

func TestAnotherVersionIsTold(t *testing.T) {
	s := perform(t, func(connection *net.UnixConn, number int) {
		receive(connection)
		connection.Write([]byte{3, 0, 0, 0, 0, 2, 7})
	})
	_, err := s.dial(t, mfad.Options{}).Verify(t.Context(), alice, code, origin)
	var version *mfad.VersionError
	if !errors.As(err, &version) || version.Min != 2 || version.Max != 7 {
		t.Errorf("%v", err)
	}
}

func TestMemoryDoesNotFollowWhatIsAnnounced(t *testing.T) {
	for _, said := range [][]byte{
		bytes.Repeat([]byte{0xff}, 4),
		{0x01, 0x10, 0, 0},
		framed(1, 7, 0xfd, 0, 0, 0, 0, 0, 1, 0, 0),
		framed(1, 2, 0xfc, 0, 0, 0, 0x70),
	} {
		s := perform(t, func(connection *net.UnixConn, number int) {
			receive(connection)
			connection.Write(said)
			hold(connection)
		})
		client := s.dial(t, mfad.Options{})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := client.Verify(t.Context(), alice, code, origin); !errors.Is(err, mfad.ErrProtocol) {
			t.Errorf("%v", err)
		}
		runtime.ReadMemStats(&after)
		if more := after.TotalAlloc - before.TotalAlloc; more > 1<<20 {
			t.Errorf("%d bytes more", more)
		}
	}
}

func TestAnswersMayComeInAnyOrder(t *testing.T) {
	const requests = 60
	s := perform(t, func(connection *net.UnixConn, number int) {
		var said []byte
		for range requests {
			body := receive(connection)
			if body == nil {
				return
			}
			// The user's name tells how many codes are left.
			left := body[len(body)-1-len("test")-len(code)-len("pts/3")-len("192.0.2.7")-4]
			said = append(answer(body[0], []byte{5, 0, left, 0, 0}), said...)
		}
		// In two pieces, of which the first ends in the middle of a frame.
		connection.Write(said[:len(said)/2+3])
		connection.Write(said[len(said)/2+3:])
		hold(connection)
	})
	client := s.dial(t, mfad.Options{})
	var group sync.WaitGroup
	for number := range byte(requests) {
		group.Go(func() {
			user := mfad.Account{Realm: "club", User: string(rune('A' + number))}
			accepted, err := client.Verify(t.Context(), user, code, origin)
			if err != nil || accepted.RecoveryLeft != uint32('A'+number) {
				t.Errorf("%d: %+v, %v", number, accepted, err)
			}
		})
	}
	group.Wait()
}

// After all of these nothing is left: the same client lives through connections that end badly.
func TestBadConnectionsLeaveNothingBehind(t *testing.T) {
	s := perform(t, func(connection *net.UnixConn, number int) {
		receive(connection)
		connection.Write([][]byte{nil, []byte("garbage"), answer(1, accepted)[:7], framed(0, 0, 5)}[number%4])
	})
	client := s.dial(t, mfad.Options{})
	routines, open := runtime.NumGoroutine(), descriptors(t)
	for range 24 {
		if _, err := client.Verify(t.Context(), alice, code, origin); err == nil {
			t.Fatal("accepted")
		}
	}
	settles(t, "goroutines", routines, runtime.NumGoroutine)
	settles(t, "descriptors", open, func() int { return descriptors(t) })
}
