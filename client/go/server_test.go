package mfad

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
)

// stranger is a uid that is neither root's nor the user mfad's nor, where this is root, the tests' own.
const stranger = 64_242

// A usurper serves where it may not, and tells how many bytes each connection has brought.
type usurper struct {
	path  string
	uid   uint32
	bytes chan int
}

func usurp(t *testing.T) *usurper {
	folder, err := os.MkdirTemp("", "mfad-go-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	u := &usurper{path: filepath.Join(folder, "s"), uid: uint32(os.Geteuid()), bytes: make(chan int)}
	var listener *net.UnixListener
	listen := func() {
		listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: u.path, Net: "unix"})
	}
	if u.uid == root {
		u.uid = stranger
		if err := os.Chmod(folder, 0o777); err != nil {
			t.Fatal(err)
		}
		as(t, stranger, listen)
	} else {
		listen()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			bytes, _ := io.ReadAll(connection)
			connection.Close()
			u.bytes <- len(bytes)
		}
	}()
	return u
}

// as acts under another uid, in this thread alone.
func as(t *testing.T, uid uintptr, act func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	become := func(uid uintptr) {
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), uid, ^uintptr(0)); errno != 0 {
			t.Fatal(errno)
		}
	}
	become(uid)
	act()
	become(root)
}

// trust is that of a path that was given, or of a usual one where the tests' own uid is all that there is.
func (u *usurper) trust() trust { return trust{path: u.path, own: u.uid != uint32(os.Geteuid())} }

func TestAServerOfAnotherUserGetsNoByte(t *testing.T) {
	u := usurp(t)
	_, err := u.trust().dial(t.Context())
	var wrong *WrongServerError
	if !errors.As(err, &wrong) || wrong.UID != u.uid || wrong.Path != u.path {
		t.Errorf("%v", err)
	}
	if bytes := <-u.bytes; bytes != 0 {
		t.Errorf("%d bytes were sent", bytes)
	}
}

func TestAUidThatIsNamedMayServe(t *testing.T) {
	u := usurp(t)
	client, err := Dial(t.Context(), u.path, Options{ServerUID: u.uid})
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	<-u.bytes
	t.Setenv(serverVariable, strconv.Itoa(int(u.uid)))
	if client, err = Dial(t.Context(), u.path, Options{}); err != nil {
		t.Fatal(err)
	}
	client.Close()
	<-u.bytes
	t.Setenv(serverVariable, "root")
	if _, err = Dial(t.Context(), u.path, Options{}); err == nil {
		t.Error("no uid was named")
	}
}

func TestTheUsualSocketTrustsNotItsCaller(t *testing.T) {
	for path, wanted := range map[string]trust{
		"":       {path: PublicSocket},
		"/tmp/s": {path: "/tmp/s", own: true},
	} {
		if got, err := newTrust(path, 0); err != nil || got != wanted {
			t.Errorf("%q: %+v, %v", path, got, err)
		}
	}
	if path := RealmSocket("club"); path != "/run/mfad/club/mfad.sock" {
		t.Error(path)
	}
}

func TestWhoMayServe(t *testing.T) {
	for _, each := range []struct {
		trust          trust
		server, caller uint32
		wanted         bool
	}{
		{trust{}, 0, 1000, true},
		{trust{}, 1000, 1000, false},
		{trust{own: true}, 1000, 1000, true},
		{trust{own: true}, 1001, 1000, false},
		{trust{named: 1001}, 1001, 1000, true},
		{trust{named: 1001}, 1000, 1000, false},
		{trust{named: 1001}, 1002, 1000, false},
	} {
		if each.trust.includes(each.server, each.caller) != each.wanted {
			t.Errorf("%+v", each)
		}
	}
}

func TestALookUpEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if isUserMfad(ctx, stranger) {
		t.Error("a stranger is mfad")
	}
}
