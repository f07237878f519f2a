package mfad_test

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"mfad"
	"mfad/internal/livedaemon"
)

// A daemon is a private server of one test: a real process on a real socket, whose clock the test sets.
type daemon struct{ *livedaemon.Daemon }

const step = livedaemon.Step

var (
	check = livedaemon.Check
	scan  = livedaemon.Scan
)

// The realms of the tests.
const configuration = `
[realm.club]

[realm.kept]
first_factor = "password"

[realm.tickets]
enroll = "ticket"

[realm.closed]
enroll = "closed"
enforce = true
`

// start starts a daemon, and waits until it is ready.
func start(t testing.TB) *daemon {
	t.Helper()
	return &daemon{livedaemon.Start(t, configuration)}
}

// dial connects a client that a busy machine does not disturb.
func (d *daemon) dial(t testing.TB) *mfad.Client {
	t.Helper()
	client, err := mfad.Dial(t.Context(), d.Socket(), mfad.Options{Deadline: time.Minute, PasswordDeadline: time.Minute})
	check(t, err)
	t.Cleanup(func() { client.Close() })
	return client
}

// enroll sets up an app, and uses the step of now by that.
func (d *daemon) enroll(client *mfad.Client, account mfad.Account) livedaemon.App {
	d.Helper()
	enrollment, err := client.Enroll(context.Background(), account, mfad.Asserted(), mfad.EnrollOptions{})
	check(d, err)
	app := scan(d, enrollment.URI)
	codes, err := client.Confirm(context.Background(), account, enrollment.ID, app.Code(d.Unix()))
	check(d, err)
	codes.Wipe()
	return app
}

// member is a user of realm club.
func member(number int) mfad.Account {
	return mfad.Account{Realm: "club", User: "user" + strconv.Itoa(number)}
}

// descriptors are the open ones of this process.
func descriptors(f livedaemon.Failer) int {
	f.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	check(f, err)
	return len(entries)
}

// settles waits until a number is the wanted one again.
func settles(t testing.TB, what string, wanted int, number func() int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); number() > wanted; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d %s, where there were %d", number(), what, wanted)
		}
	}
}

func hasPrefix(text []byte, prefix string) bool { return strings.HasPrefix(string(text), prefix) }
