package mfad_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mfad"
)

// A play is what a server that does not behave does with one connection: the first has number 0. The connection is closed
// after it.
type play func(connection *net.UnixConn, number int)

// A stage is where such a server plays, under the caller's own uid.
type stage struct {
	path string
	// How many connections there were.
	connections atomic.Int32
}

func perform(t *testing.T, play play) *stage {
	t.Helper()
	folder, err := os.MkdirTemp("", "mfad-go-")
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	s := &stage{path: filepath.Join(folder, "s")}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.path, Net: "unix"})
	check(t, err)
	var group sync.WaitGroup
	group.Go(func() {
		for {
			connection, err := listener.AcceptUnix()
			if err != nil {
				return
			}
			number := int(s.connections.Add(1)) - 1
			group.Go(func() {
				defer connection.Close()
				play(connection, number)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		group.Wait()
	})
	return s
}

// dial connects with the patience of a test.
func (s *stage) dial(t *testing.T, options mfad.Options) *mfad.Client {
	t.Helper()
	if options.Patience == 0 {
		options.Patience = 100 * time.Millisecond
	}
	client, err := mfad.Dial(t.Context(), s.path, options)
	check(t, err)
	t.Cleanup(func() { client.Close() })
	return client
}

// receive reads one frame, and returns what follows its version: the id, which has one byte here, and the call.
func receive(connection net.Conn) []byte {
	var length [4]byte
	if _, err := io.ReadFull(connection, length[:]); err != nil {
		return nil
	}
	body := make([]byte, binary.LittleEndian.Uint32(length[:]))
	if _, err := io.ReadFull(connection, body); err != nil {
		return nil
	}
	return body[1:]
}

// framed is a frame of version 1 around this body.
func framed(body ...byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(body)+1)), append([]byte{1}, body...)...)
}

// The bytes of replies, after the id.
var (
	farewell = framed(0, 1)
	accepted = []byte{5, 0, 10, 0, 0}
	done     = []byte{8}
	pong     = []byte{2, 1, 'x', 1, 0}
)

func answer(id byte, reply []byte) []byte { return framed(append([]byte{id}, reply...)...) }

// hold keeps the connection until the client ends it, and counts the whole frames that come.
func hold(connection net.Conn) (frames int) {
	for receive(connection) != nil {
		frames++
	}
	return frames
}

var code = []byte("123456")

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

func TestSilenceEndsAtTheDeadline(t *testing.T) {
	s := perform(t, func(connection *net.UnixConn, number int) { hold(connection) })
	client := s.dial(t, mfad.Options{Deadline: 100 * time.Millisecond})
	_, err := client.Verify(t.Context(), alice, code, origin)
	if !errors.Is(err, mfad.ErrUnknownFate) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	_, err = client.Begin(t.Context(), alice, origin)
	if errors.Is(err, mfad.ErrUnknownFate) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = client.Begin(ctx, alice, origin); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// One that has left keeps its slot; when the server owes 64 answers and is silent, the connection is given up, and the
// next one serves.
func TestASilentConnectionIsGivenUp(t *testing.T) {
	s := perform(t, func(connection *net.UnixConn, number int) {
		if number == 0 {
			if frames := hold(connection); frames != 64 {
				t.Errorf("%d requests came", frames)
			}
			return
		}
		for body := receive(connection); body != nil; body = receive(connection) {
			connection.Write(answer(body[0], pong))
		}
	})
	client := s.dial(t, mfad.Options{Deadline: 100 * time.Millisecond, PasswordDeadline: 100 * time.Millisecond})
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			if _, err := client.Ping(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
		})
	}
	group.Wait()
	for {
		if _, err := client.Ping(t.Context()); err == nil {
			return
		} else if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%v", err)
		}
	}
}

func TestAFrameThatDoesNotEndIsGivenUp(t *testing.T) {
	s := perform(t, func(connection *net.UnixConn, number int) {
		receive(connection)
		connection.Write(answer(1, accepted)[:6])
		hold(connection)
	})
	_, err := s.dial(t, mfad.Options{Deadline: time.Minute}).Verify(t.Context(), alice, code, origin)
	if !errors.Is(err, mfad.ErrUnknownFate) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestAServerThatDoesNotReadHangsNobody(t *testing.T) {
	leave := make(chan struct{})
	s := perform(t, func(connection *net.UnixConn, number int) { <-leave })
	t.Cleanup(func() { close(leave) })
	client := s.dial(t, mfad.Options{Deadline: 200 * time.Millisecond, PasswordDeadline: 200 * time.Millisecond})
	var group sync.WaitGroup
	for range 400 {
		group.Go(func() {
			_, err := client.Authenticate(t.Context(), alice, bytes.Repeat(code, 170), code, origin)
			if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, mfad.ErrUnknownFate) {
				t.Errorf("%v", err)
			}
		})
	}
	group.Wait()
	client.Close()
}

func TestAServerThatReadsNoMoreIsLeft(t *testing.T) {
	leave, deaf := make(chan struct{}), make(chan struct{}, 8)
	s := perform(t, func(connection *net.UnixConn, number int) {
		connection.CloseRead()
		deaf <- struct{}{}
		<-leave
	})
	t.Cleanup(func() { close(leave) })
	client := s.dial(t, mfad.Options{Deadline: time.Minute})
	<-deaf
	if _, err := client.Verify(t.Context(), alice, code, origin); !errors.Is(err, mfad.ErrGone) {
		t.Errorf("%v", err)
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

func TestAFullQueueEndsAtTheDeadline(t *testing.T) {
	folder, err := os.MkdirTemp("", "mfad-go-")
	check(t, err)
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "s")
	listener, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	check(t, err)
	defer syscall.Close(listener)
	check(t, syscall.Bind(listener, &syscall.SockaddrUnix{Name: path}))
	check(t, syscall.Listen(listener, 0))
	first, err := net.Dial("unix", path)
	check(t, err)
	defer first.Close()
	_, err = mfad.Dial(t.Context(), path, mfad.Options{Deadline: 100 * time.Millisecond})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestNobodyListens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	_, err := mfad.Dial(t.Context(), path, mfad.Options{Patience: time.Nanosecond})
	if !errors.Is(err, mfad.ErrNotRunning) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	_, err = mfad.Dial(t.Context(), strings.Repeat("x", 200), mfad.Options{})
	if err == nil || errors.Is(err, mfad.ErrNotRunning) {
		t.Errorf("%v", err)
	}
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
