// Package livedaemon starts private servers for tests: real processes on real sockets, whose clocks a test sets.
package livedaemon

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A Failer ends a test. An example has none, and takes [Panics].
type Failer interface {
	Helper()
	Fatalf(format string, arguments ...any)
}

// Panics is the Failer of an example.
type Panics struct{}

func (Panics) Helper()                                {}
func (Panics) Fatalf(format string, arguments ...any) { panic(fmt.Sprintf(format, arguments...)) }

// A Daemon is the private server of one test.
type Daemon struct {
	Failer
	folder  string
	process *exec.Cmd
	unix    int64
	// Seconds of the monotonic clock.
	rested int64
}

// noon is where its clock starts: the middle of a step.
const noon = 1_700_000_055

// Step is how long a code is shown, in seconds.
const Step = 30

// Start starts a daemon with this configuration, and waits until it is ready.
func Start(t testing.TB, configuration string) *Daemon {
	t.Helper()
	d := Prepare(t, configuration)
	t.Cleanup(d.Discard)
	d.Spawn()
	return d
}

// Prepare makes a daemon's folder, and starts nothing.
func Prepare(f Failer, configuration string) *Daemon {
	f.Helper()
	folder, err := os.MkdirTemp("", "mfad-go-")
	Check(f, err)
	d := &Daemon{Failer: f, folder: folder, unix: noon}
	Check(f, os.WriteFile(d.Path("mfad.toml"), []byte(configuration), 0o600))
	d.writeClocks()
	return d
}

// Path is that of something in the daemon's folder.
func (d *Daemon) Path(name string) string { return filepath.Join(d.folder, name) }

// Socket is where it listens.
func (d *Daemon) Socket() string { return d.Path("mfad.sock") }

// Unix is the time of its clock, in seconds.
func (d *Daemon) Unix() int64 { return d.unix }

// Spawn starts the process, and waits until it says that it is ready.
func (d *Daemon) Spawn() {
	d.Helper()
	path := d.Path("notify")
	os.Remove(path)
	ready, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	Check(d, err)
	defer ready.Close()
	Check(d, ready.SetReadDeadline(time.Now().Add(time.Minute)))
	d.Launch("NOTIFY_SOCKET=" + path)
	for message := make([]byte, 1024); ; {
		count, err := ready.Read(message)
		if err != nil {
			d.Fatalf("the daemon does not get ready: %v: %s", err, d.Log())
		}
		if bytes.Contains(message[:count], []byte("READY=1")) {
			return
		}
	}
}

// Launch starts the process, and waits for nothing.
func (d *Daemon) Launch(environment ...string) {
	d.Helper()
	command := exec.Command(Program(d, "mfad-clocked"), append(d.arguments(), "--socket", d.Socket())...)
	command.Env = append(os.Environ(), append(environment, d.clock())...)
	d.run(command)
}

func (d *Daemon) arguments() []string {
	return []string{"serve", "--config", d.Path("mfad.toml"), "--state", d.Path("state")}
}

func (d *Daemon) clock() string { return "MFAD_TEST_CLOCK=" + d.Path("time") }

func (d *Daemon) run(command *exec.Cmd) {
	d.Helper()
	log, err := os.OpenFile(d.Path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	Check(d, err)
	defer log.Close()
	command.Stderr = log
	Check(d, command.Start())
	d.process = command
}

// Log is what it has written to its standard error.
func (d *Daemon) Log() string {
	text, _ := os.ReadFile(d.Path("log"))
	return string(text)
}

// Says waits until its log has these words: lines are written behind the answers.
func (d *Daemon) Says(words string) {
	d.Helper()
	for end := time.Now().Add(time.Minute); !strings.Contains(d.Log(), words); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			d.Fatalf("the log does not say %s: %s", words, d.Log())
		}
	}
}

// Kill ends the process as a crash would.
func (d *Daemon) Kill() { d.End(os.Kill) }

// End sends the process a signal, and waits for its end.
func (d *Daemon) End(signal os.Signal) {
	d.Helper()
	if d.process == nil {
		return
	}
	Check(d, d.process.Process.Signal(signal))
	d.process.Wait()
	d.process = nil
}

// Discard kills it and removes its folder.
func (d *Daemon) Discard() {
	d.Kill()
	os.RemoveAll(d.folder)
}

// Forward moves both clocks.
func (d *Daemon) Forward(seconds int64) {
	d.unix += seconds
	d.Rest(seconds)
}

// Rest lets seconds pass on the monotonic clock: waits end, and the codes stay the same.
func (d *Daemon) Rest(seconds int64) {
	d.rested += seconds
	d.writeClocks()
}

// writeClocks replaces the file whole, so that the daemon never reads half a time.
func (d *Daemon) writeClocks() {
	d.Helper()
	next := d.Path("time.next")
	Check(d, os.WriteFile(next, fmt.Appendf(nil, "%d %d", d.unix, d.rested), 0o600))
	Check(d, os.Rename(next, d.Path("time")))
}

// Check ends the test where there is an error.
func Check(f Failer, err error) {
	f.Helper()
	if err != nil {
		f.Fatalf("%v", err)
	}
}
