package netmaker_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A daemon is a private server of one test: a real process on a real socket, whose clock the test sets.
type daemon struct {
	*testing.T
	folder  string
	process *exec.Cmd
	unix    int64
	// Seconds of the monotonic clock.
	rested int64
}

const (
	// noon is where its clock starts: the middle of a step.
	noon = 1_700_000_055
	// What Netmaker needs: it enrols a user again without a code of the old factor.
	configuration = "[realm.netmaker]\nreplace = \"asserted\"\n"
)

// start starts a daemon, and waits until it is ready.
func start(t *testing.T) *daemon {
	t.Helper()
	folder, err := os.MkdirTemp("", "mfad-otp-")
	check(t, err)
	d := &daemon{T: t, folder: folder, unix: noon}
	t.Cleanup(func() {
		d.kill()
		os.RemoveAll(folder)
	})
	check(t, os.WriteFile(d.path("mfad.toml"), []byte(configuration), 0o600))
	d.forward(0)
	d.spawn()
	return d
}

func (d *daemon) path(name string) string { return filepath.Join(d.folder, name) }
func (d *daemon) socket() string          { return d.path("mfad.sock") }

// spawn starts the process, and waits until it says that it is ready.
func (d *daemon) spawn() {
	d.Helper()
	notices := d.path("notify")
	os.Remove(notices)
	ready, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notices, Net: "unixgram"})
	check(d.T, err)
	defer ready.Close()
	check(d.T, ready.SetReadDeadline(time.Now().Add(time.Minute)))
	log, err := os.OpenFile(d.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	check(d.T, err)
	defer log.Close()
	d.process = exec.Command(program(d.T, "mfad-clocked"), "serve", "--config", d.path("mfad.toml"),
		"--state", d.path("state"), "--socket", d.socket())
	d.process.Env = append(os.Environ(), "NOTIFY_SOCKET="+notices, "MFAD_TEST_CLOCK="+d.path("time"))
	d.process.Stderr = log
	check(d.T, d.process.Start())
	for message := make([]byte, 1024); ; {
		count, err := ready.Read(message)
		if err != nil {
			said, _ := os.ReadFile(d.path("log"))
			d.Fatalf("the daemon does not get ready: %v: %s", err, said)
		}
		if bytes.Contains(message[:count], []byte("READY=1")) {
			return
		}
	}
}

// program finds one of the built programs: the newer one, where there are two.
func program(t *testing.T, name string) string {
	t.Helper()
	var newest string
	var at time.Time
	for _, profile := range []string{"release", "debug"} {
		path, err := filepath.Abs(filepath.Join("../../../../../target", profile, name))
		check(t, err)
		if file, err := os.Stat(path); err == nil && file.ModTime().After(at) {
			newest, at = path, file.ModTime()
		}
	}
	if newest == "" {
		t.Fatalf("%s is built neither in target/release nor in target/debug: run cargo build --workspace first", name)
	}
	return newest
}

// kill ends the process as a crash would.
func (d *daemon) kill() {
	if d.process != nil {
		d.process.Process.Kill()
		d.process.Wait()
		d.process = nil
	}
}

// forward moves both clocks.
func (d *daemon) forward(seconds int64) {
	d.unix += seconds
	d.rest(seconds)
}

// rest lets seconds pass on the monotonic clock: waits end, and the codes stay the same. The file is replaced whole, so that
// the daemon never reads half a time.
func (d *daemon) rest(seconds int64) {
	d.Helper()
	d.rested += seconds
	next := d.path("time.next")
	check(d.T, os.WriteFile(next, fmt.Appendf(nil, "%d %d", d.unix, d.rested), 0o600))
	check(d.T, os.Rename(next, d.path("time")))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
