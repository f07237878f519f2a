package mfad

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// dial connects, also through a full queue until ctx ends, and judges who serves.
func (t trust) dial(ctx context.Context) (*net.UnixConn, error) {
	socket, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := t.judge(ctx, socket); err != nil {
		socket.Close()
		return nil, err
	}
	return socket, nil
}

func (t trust) connect(ctx context.Context) (*net.UnixConn, error) {
	var (
		dialer net.Dialer
		queue  backoff
	)
	for {
		socket, err := dialer.DialContext(ctx, "unix", t.path)
		switch {
		case err == nil:
			return socket.(*net.UnixConn), nil
		case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ECONNREFUSED):
			return nil, fmt.Errorf("%w: %w", ErrNotRunning, err)
		case !errors.Is(err, syscall.EAGAIN):
			return nil, fmt.Errorf("mfad: cannot connect: %w", err)
		}
		queue.fail()
		if err := rest(ctx, queue.wait()); err != nil {
			return nil, fmt.Errorf("mfad: the server's queue is full: %w", err)
		}
	}
}

// rest waits, until ctx ends at most.
func rest(ctx context.Context, wait time.Duration) error {
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
