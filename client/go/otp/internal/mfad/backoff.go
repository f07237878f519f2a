package mfad

import "time"

// A backoff is how long to wait before the next try to connect: twice as long after each failure in a row.
type backoff struct {
	failures int
	latest   time.Time
}

const (
	firstWait   = 10 * time.Millisecond
	longestWait = 250 * time.Millisecond
)

func (b *backoff) fail() {
	b.failures++
	b.latest = time.Now()
}

func (b *backoff) succeed() { b.failures = 0 }

// wait is what is left of it. It is not above 0 when there is nothing to wait for.
func (b *backoff) wait() time.Duration {
	if b.failures == 0 {
		return 0
	}
	wait := longestWait
	if doublings := b.failures - 1; doublings < 5 {
		wait = min(wait, firstWait<<doublings)
	}
	return time.Until(b.latest.Add(wait))
}
