package mfad_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mfad"
	"mfad/internal/livedaemon"
)

const (
	crashes  = 50
	people   = 40
	deadline = 10 * time.Second
	// What a busy machine may add to a deadline.
	grace = 10 * time.Second
)

// A tally is what became of the codes of one round, by user.
type tally struct {
	answers, unknown, unanswered atomic.Int64
	accepted, lost               [people]atomic.Int32
}

// The server is killed in the middle of each round, at another place, and started again. In each round two goroutines a
// user send the same code until it is refused: each must be accepted once at most, and where none was told so, there
// must have been a request of unknown fate.
func TestNoCodeIsAcceptedTwiceThroughFiftyCrashes(t *testing.T) {
	d := start(t)
	routines, open := runtime.NumGoroutine(), descriptors(t)
	client, err := mfad.Dial(t.Context(), d.Socket(), mfad.Options{Deadline: deadline})
	check(t, err)
	var apps [people]livedaemon.App
	for number := range people {
		apps[number] = d.enroll(client, member(number))
	}
	var answers, accepted, unknown, unanswered int64
	for round := range crashes {
		d.Forward(step)
		sum := interrupt(t, d, client, &apps, os.Kill)
		for number := range people {
			times, lost := sum.accepted[number].Load(), sum.lost[number].Load()
			if times > 1 || times == 0 && lost == 0 {
				t.Errorf("round %d, user %d: accepted %d times, %d of unknown fate", round, number, times, lost)
			}
			accepted += int64(times)
		}
		answers += sum.answers.Load()
		unknown += sum.unknown.Load()
		unanswered += sum.unanswered.Load()
	}
	t.Logf("%d answers, %d accepted, %d of unknown fate, %d not sent", answers, accepted, unknown, unanswered)
	client.Close()
	settles(t, "goroutines", routines, runtime.NumGoroutine)
	settles(t, "descriptors", open, func() int { return descriptors(t) })
}

// A server that is stopped answers what it has read and says farewell: no call fails, and no answer is lost.
func TestNothingIsLostThroughTwentyStops(t *testing.T) {
	d := start(t)
	client, err := mfad.Dial(t.Context(), d.Socket(), mfad.Options{Deadline: time.Minute, Patience: time.Minute})
	check(t, err)
	defer client.Close()
	var apps [people]livedaemon.App
	for number := range people {
		apps[number] = d.enroll(client, member(number))
	}
	for round := range 20 {
		d.Forward(step)
		sum := interrupt(t, d, client, &apps, syscall.SIGTERM)
		for number := range people {
			if times := sum.accepted[number].Load(); times != 1 {
				t.Errorf("round %d, user %d: accepted %d times", round, number, times)
			}
		}
		if unknown, unanswered := sum.unknown.Load(), sum.unanswered.Load(); unknown+unanswered != 0 {
			t.Errorf("round %d: %d of unknown fate, %d not sent", round, unknown, unanswered)
		}
	}
}

func TestAClientThatIsNewConnectsAtItsFirstCall(t *testing.T) {
	d := start(t)
	d.Kill()
	client, err := mfad.New(d.Socket(), mfad.Options{Deadline: time.Minute, Patience: -1})
	check(t, err)
	defer client.Close()
	if _, err := client.Begin(t.Context(), alice, origin); !errors.Is(err, mfad.ErrNotRunning) {
		t.Fatalf("%v", err)
	}
	d.Spawn()
	need, err := client.Begin(t.Context(), alice, origin)
	if err != nil || need.Kind != mfad.NeedNothing {
		t.Fatalf("%v, %v", need, err)
	}
}

// interrupt plays one round.
func interrupt(t *testing.T, d *daemon, client *mfad.Client, apps *[people]livedaemon.App, signal os.Signal) *tally {
	var (
		sum   tally
		group sync.WaitGroup
		// After so many answers of the 80 that there will be at least.
		last = 1 + rand.Int64N(2*people-1)
		now  = make(chan struct{})
	)
	for number := range people {
		for range 2 {
			group.Go(func() {
				for sum.try(t, client, number, apps[number].Code(d.Unix()), func() {
					if sum.answers.Add(1) == last {
						close(now)
					}
				}) {
				}
			})
		}
	}
	<-now
	d.End(signal)
	d.Launch()
	group.Wait()
	return &sum
}

// try sends a code, and says whether to send it again.
func (s *tally) try(t *testing.T, client *mfad.Client, number int, code []byte, answered func()) bool {
	begun := time.Now()
	_, err := client.Verify(context.Background(), member(number), code, origin)
	if time.Since(begun) > deadline+grace {
		t.Errorf("user %d: an answer after %v: %v", number, time.Since(begun), err)
	}
	switch {
	case err == nil:
		s.accepted[number].Add(1)
		answered()
	case errors.Is(err, mfad.ErrDenied):
		answered()
		return false
	case errors.Is(err, mfad.ErrUnknownFate):
		s.lost[number].Add(1)
		s.unknown.Add(1)
	case errors.Is(err, mfad.ErrNotRunning), errors.Is(err, mfad.ErrGone), errors.Is(err, context.DeadlineExceeded):
		s.unanswered.Add(1)
	default:
		t.Errorf("user %d: %v", number, err)
		return false
	}
	return true
}
