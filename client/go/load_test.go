package mfad_test

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"mfad"
	"mfad/internal/livedaemon"
)

func TestAThousandGoroutinesShareOneConnection(t *testing.T) {
	const people = 1000
	d := start(t)
	client := d.dial(t)
	open := descriptors(t)
	var (
		apps  [people]livedaemon.App
		group sync.WaitGroup
	)
	each := func(act func(number int)) {
		for number := range people {
			group.Go(func() { act(number) })
		}
		group.Wait()
	}
	each(func(number int) { apps[number] = d.enroll(client, member(number)) })
	d.Forward(step)
	each(func(number int) {
		if _, err := client.Verify(t.Context(), member(number), apps[number].Code(d.Unix()), origin); err != nil {
			t.Errorf("user %d: %v", number, err)
		}
	})
	each(func(number int) {
		if _, err := client.Verify(t.Context(), member(number), apps[number].Code(d.Unix()), origin); !errors.Is(err, mfad.ErrDenied) {
			t.Errorf("user %d again: %v", number, err)
		}
	})
	if now := descriptors(t); now != open {
		t.Errorf("%d descriptors are open, where there were %d", now, open)
	}
}

func TestACodeIsAcceptedOnceOfManyThatAsk(t *testing.T) {
	d := start(t)
	client := d.dial(t)
	app := d.enroll(client, alice)
	for range 20 {
		d.Forward(step)
		var (
			group    sync.WaitGroup
			accepted atomic.Int32
		)
		for range 32 {
			group.Go(func() {
				switch _, err := client.Verify(t.Context(), alice, app.Code(d.Unix()), origin); {
				case err == nil:
					accepted.Add(1)
				case !errors.Is(err, mfad.ErrDenied):
					t.Errorf("%v", err)
				}
			})
		}
		group.Wait()
		if accepted.Load() != 1 {
			t.Fatalf("accepted %d times", accepted.Load())
		}
	}
}

func TestAClosedClientLeavesNothingBehind(t *testing.T) {
	d := start(t)
	routines, open := runtime.NumGoroutine(), descriptors(t)
	for range 20 {
		client := d.dial(t)
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() { client.Begin(t.Context(), alice, origin) })
		}
		client.Close()
		group.Wait()
		if _, err := client.Begin(t.Context(), alice, origin); !errors.Is(err, mfad.ErrClosed) {
			t.Fatalf("%v", err)
		}
	}
	settles(t, "goroutines", routines, runtime.NumGoroutine)
	settles(t, "descriptors", open, func() int { return descriptors(t) })
}
