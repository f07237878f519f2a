package livedaemon

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// StartActivated starts a daemon on sockets that systemd's helper hands over: the public one at [Daemon.Socket], and that
// of a realm at [Daemon.RealmSocket], which lies in a folder of its own.
func StartActivated(t testing.TB, configuration, realm string) *Daemon {
	t.Helper()
	d := Prepare(t, configuration)
	t.Cleanup(d.Discard)
	Check(t, os.Mkdir(d.Path(realm), 0o700))
	arguments := []string{"--listen=" + d.Socket(), "--listen=" + d.RealmSocket(realm), "--fdname=mfad:" + realm,
		"--setenv=" + d.clock(), Program(d, "mfad-clocked")}
	d.run(exec.Command("systemd-socket-activate", append(arguments, d.arguments()...)...))
	// It listens on the last socket last.
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		_, err := os.Stat(d.RealmSocket(realm))
		if err == nil {
			return d
		}
		if !errors.Is(err, fs.ErrNotExist) || time.Now().After(end) {
			t.Fatalf("nobody listens: %v: %s", err, d.Log())
		}
	}
}

// RealmSocket is that of a realm of an activated daemon. Its folder is what a container would be handed.
func (d *Daemon) RealmSocket(realm string) string { return filepath.Join(d.Path(realm), "mfad.sock") }
