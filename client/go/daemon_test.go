package mfad_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mfad"
)

// A failer ends a test. An example has none, and panics.
type failer interface {
	Helper()
	Fatalf(format string, arguments ...any)
}

type panics struct{}

func (panics) Helper()                                {}
func (panics) Fatalf(format string, arguments ...any) { panic(fmt.Sprintf(format, arguments...)) }

// A daemon is a private server of one test: a real process on a real socket, whose clock the test sets.
type daemon struct {
	failer
	folder  string
	process *exec.Cmd
	unix    int64
	// Seconds of the monotonic clock.
	rested int64
}

// noon is where its clock starts: the middle of a step.
const noon = 1_700_000_055

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
	d := prepare(t)
	t.Cleanup(d.remove)
	d.spawn()
	return d
}

func prepare(f failer) *daemon {
	f.Helper()
	folder, err := os.MkdirTemp("", "mfad-go-")
	check(f, err)
	d := &daemon{failer: f, folder: folder, unix: noon}
	check(f, os.WriteFile(d.path("mfad.toml"), []byte(configuration), 0o600))
	d.writeClocks()
	return d
}

func (d *daemon) path(name string) string { return filepath.Join(d.folder, name) }
func (d *daemon) socket() string          { return d.path("mfad.sock") }

// program finds one of the built programs: the newer one, where there are two.
func program(f failer, name string) string {
	f.Helper()
	var newest string
	var at time.Time
	for _, profile := range []string{"release", "debug"} {
		path, err := filepath.Abs(filepath.Join("../../target", profile, name))
		if err != nil {
			continue
		}
		if file, err := os.Stat(path); err == nil && file.ModTime().After(at) {
			newest, at = path, file.ModTime()
		}
	}
	if newest == "" {
		f.Fatalf("%s is built neither in target/release nor in target/debug: run cargo build --workspace first", name)
	}
	return newest
}

// spawn starts the process, and waits until it says that it is ready.
func (d *daemon) spawn() {
	d.Helper()
	path := d.path("notify")
	os.Remove(path)
	ready, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	check(d, err)
	defer ready.Close()
	check(d, ready.SetReadDeadline(time.Now().Add(time.Minute)))
	d.begin("NOTIFY_SOCKET=" + path)
	for message := make([]byte, 1024); ; {
		count, err := ready.Read(message)
		if err != nil {
			d.Fatalf("the daemon does not get ready: %v: %s", err, d.log())
		}
		if bytes.Contains(message[:count], []byte("READY=1")) {
			return
		}
	}
}

// begin starts the process, and waits for nothing.
func (d *daemon) begin(environment ...string) {
	d.Helper()
	log, err := os.OpenFile(d.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	check(d, err)
	defer log.Close()
	d.process = exec.Command(program(d, "mfad-clocked"), "serve", "--config", d.path("mfad.toml"),
		"--state", d.path("state"), "--socket", d.socket())
	d.process.Env = append(os.Environ(), append(environment, "MFAD_TEST_CLOCK="+d.path("time"))...)
	d.process.Stderr = log
	check(d, d.process.Start())
}

func (d *daemon) log() string {
	text, _ := os.ReadFile(d.path("log"))
	return string(text)
}

// kill ends the process as a crash would.
func (d *daemon) kill() { d.end(os.Kill) }

func (d *daemon) end(signal os.Signal) {
	d.Helper()
	if d.process == nil {
		return
	}
	check(d, d.process.Process.Signal(signal))
	d.process.Wait()
	d.process = nil
}

func (d *daemon) remove() {
	d.kill()
	os.RemoveAll(d.folder)
}

// forward moves both clocks.
func (d *daemon) forward(seconds int64) {
	d.unix += seconds
	d.rest(seconds)
}

// rest lets seconds pass on the monotonic clock: waits end, and the codes stay the same.
func (d *daemon) rest(seconds int64) {
	d.rested += seconds
	d.writeClocks()
}

// writeClocks replaces the file whole, so that the daemon never reads half a time.
func (d *daemon) writeClocks() {
	d.Helper()
	next := d.path("time.next")
	check(d, os.WriteFile(next, fmt.Appendf(nil, "%d %d", d.unix, d.rested), 0o600))
	check(d, os.Rename(next, d.path("time")))
}

// dial connects a client that a busy machine does not disturb.
func (d *daemon) dial(t testing.TB) *mfad.Client {
	t.Helper()
	client, err := mfad.Dial(t.Context(), d.socket(), mfad.Options{Deadline: time.Minute, PasswordDeadline: time.Minute})
	check(t, err)
	t.Cleanup(func() { client.Close() })
	return client
}

// enroll sets up an app, and uses the step of now by that.
func (d *daemon) enroll(client *mfad.Client, account mfad.Account) app {
	d.Helper()
	enrollment, err := client.Enroll(context.Background(), account, mfad.Asserted(), mfad.EnrollOptions{})
	check(d, err)
	app := scan(d, enrollment.URI)
	codes, err := client.Confirm(context.Background(), account, enrollment.ID, app.code(d.unix))
	check(d, err)
	codes.Wipe()
	return app
}

func check(f failer, err error) {
	f.Helper()
	if err != nil {
		f.Fatalf("%v", err)
	}
}

// member is a user of realm club.
func member(number int) mfad.Account {
	return mfad.Account{Realm: "club", User: "user" + strconv.Itoa(number)}
}

// descriptors are the open ones of this process.
func descriptors(f failer) int {
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
