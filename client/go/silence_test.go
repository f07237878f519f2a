package mfad_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mfad"
)

// Servers that do not answer, do not read, or are not there: nobody waits beyond the deadline.

func TestSilenceEndsAtTheDeadline(t *testing.T) {
	s := perform(t, func(connection *net.UnixConn, number int) { hold(connection) })
	client := s.dial(t, mfad.Options{Deadline: 500 * time.Millisecond})
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
			if frames := hold(connection); frames > 64 {
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
	leave, deaf := make(chan struct{}), make(chan struct{})
	s := perform(t, func(connection *net.UnixConn, number int) {
		if number > 0 {
			connection.Write(farewell)
			return
		}
		connection.CloseRead()
		close(deaf)
		<-leave
	})
	t.Cleanup(func() { close(leave) })
	client := s.dial(t, mfad.Options{Deadline: time.Minute})
	<-deaf
	if _, err := client.Verify(t.Context(), alice, code, origin); !errors.Is(err, mfad.ErrGone) {
		t.Errorf("%v", err)
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
