package mfad

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Client is one connection to the server, made anew when it breaks, for any number of goroutines. Make one with [Dial] or [New].
//
// Errors of every call: those of type [*Refusal], of which ErrNotPermitted and ErrUnavailable answer any call; a
// [*ArgumentError] before anything is sent; [ErrUnknownFate], [ErrGone], [ErrNotRunning], [ErrProtocol], [ErrClosed], a
// [*WrongServerError] or a [*VersionError]; and that of the context. Whatever the error, it is not a yes.
//
// A call returns when its context or its deadline ends, whatever the server does.
type Client struct {
	trust   trust
	options Options
	// Ends when the client is closed.
	life context.Context
	end  context.CancelFunc

	mu      sync.Mutex
	closed  bool
	current *connection
	flight  *flight
	backoff backoff
}

// A flight is one try to connect, which all wait for who need a connection.
type flight struct {
	done       chan struct{}
	connection *connection
	err        error
}

// Dial connects to the socket at this path, and checks who serves there. Nothing is sent. The empty path is that of
// [PublicSocket]. A server of the caller's own uid is accepted where a path is given.
//
// ctx bounds the dialling alone.
//
// Errors: [ErrNotRunning], a [*WrongServerError], what the system says of the socket, and that of the context.
func Dial(ctx context.Context, path string, options Options) (*Client, error) {
	c, err := New(path, options)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Deadline)
	defer cancel()
	result := c.persist(func() outcome {
		_, err := c.connection(ctx)
		return outcome{err: err, again: errors.Is(err, ErrNotRunning)}
	})
	if result.err != nil {
		c.Close()
		return nil, result.err
	}
	return c, nil
}

// New makes a client that connects at its first call: for a service that starts also while the server does not run.
//
// Errors: an MFAD_SERVER_UID that is no uid.
func New(path string, options Options) (*Client, error) {
	trust, err := newTrust(path, options.ServerUID)
	if err != nil {
		return nil, err
	}
	c := &Client{trust: trust, options: options.withDefaults()}
	c.life, c.end = context.WithCancel(context.Background())
	return c, nil
}

// Close ends the connection. Calls that wait fail with [ErrClosed], together with [ErrUnknownFate] where they were sent.
// It returns nil.
func (c *Client) Close() error {
	c.end()
	c.mu.Lock()
	c.closed = true
	flight := c.flight
	c.mu.Unlock()
	// One that lands now still leaves its connection behind.
	if flight != nil {
		<-flight.done
	}
	c.mu.Lock()
	current := c.current
	c.mu.Unlock()
	if current != nil {
		current.close(ErrClosed)
	}
	return nil
}

// ask sends a request that one kind of reply answers.
func ask[R any, P interface {
	*R
	reply
}](ctx context.Context, c *Client, request request) (R, error) {
	picky, isPicky := request.(interface{ accepts(reply) bool })
	answer, err := c.do(ctx, request, func(answer reply) bool {
		_, is := answer.(P)
		return is && (!isPicky || picky.accepts(answer))
	})
	if err != nil {
		var none R
		return none, err
	}
	return *answer.(P), nil
}

// ok sends a request that Done answers.
func (c *Client) ok(ctx context.Context, request request) error {
	_, err := ask[done](ctx, c, request)
	return err
}

// do sends a request until it has an answer that its caller accepts, as often as that is harmless.
func (c *Client) do(ctx context.Context, request request, accepts func(reply) bool) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.deadline(request))
	defer cancel()
	result := c.persist(func() outcome {
		connection, err := c.connection(ctx)
		if err != nil {
			return outcome{err: err, again: errors.Is(err, ErrNotRunning)}
		}
		return connection.ask(ctx, request, accepts)
	})
	return result.reply, result.err
}

// persist tries again while that is harmless and the patience lasts. The waits lie in [Client.connection].
func (c *Client) persist(try func() outcome) outcome {
	var end time.Time
	for {
		result := try()
		now := time.Now()
		if end.IsZero() {
			end = now.Add(c.options.Patience)
		}
		if !result.again || !now.Before(end) {
			return result
		}
	}
}

// connection is the one that there is, or a new one.
func (c *Client) connection(ctx context.Context) (*connection, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, ErrClosed
	}
	if current := c.current; current != nil {
		if !current.isOver() {
			c.mu.Unlock()
			return current, nil
		}
		c.current = nil
		// A server without room takes a connection and sends it away: that counts as a failure.
		if current.hasAnswered() {
			c.backoff.succeed()
		} else {
			c.backoff.fail()
		}
	}
	if c.flight == nil {
		c.flight = &flight{done: make(chan struct{})}
		go c.fly(c.flight, c.backoff.wait())
	}
	flight := c.flight
	c.mu.Unlock()
	select {
	case <-flight.done:
		return flight.connection, flight.err
	case <-ctx.Done():
		return nil, fmt.Errorf("mfad: there is no connection: %w", ctx.Err())
	}
}

func (c *Client) fly(flight *flight, wait time.Duration) {
	ctx, cancel := context.WithTimeout(c.life, wait+c.options.Deadline)
	defer cancel()
	defer close(flight.done)
	err := rest(ctx, wait)
	if err == nil {
		flight.connection, err = c.open(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flight, c.current = nil, flight.connection
	if c.closed {
		err = ErrClosed
	} else if err != nil {
		c.backoff.fail()
	}
	flight.err = err
}

func (c *Client) open(ctx context.Context) (*connection, error) {
	socket, err := c.trust.dial(ctx)
	if err != nil {
		return nil, err
	}
	return newConnection(socket, 2*max(c.options.Deadline, c.options.PasswordDeadline)), nil
}
