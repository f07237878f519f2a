package verifier

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/internal/mfad"
	"github.com/pquerna/otp/internal/scripted"
)

func TestTroublesAreToldApart(t *testing.T) {
	for _, each := range []struct{ said, wanted error }{
		{mfad.ErrDenied, otp.ErrDenied},
		{&mfad.Refusal{Kind: mfad.TryLater, Wait: time.Second}, otp.ErrThrottled},
		{mfad.ErrNotPermitted, otp.ErrNotServed},
		{mfad.ErrUnsupported, otp.ErrNotServed},
		{mfad.ErrMalformed, otp.ErrNotServed},
		{mfad.ErrEnrollmentRequired, otp.ErrNoAnswer},
		{mfad.ErrUnavailable, otp.ErrNoAnswer},
		{&mfad.WrongServerError{Path: "s", UID: 1}, otp.ErrNotServed},
		{&mfad.VersionError{Min: 2, Max: 3}, otp.ErrNotServed},
		{fmt.Errorf("%w: %w", mfad.ErrProtocol, &mfad.ArgumentError{}), otp.ErrNotServed},
		{&mfad.ArgumentError{}, otp.ErrOptionUnsupported},
		{fmt.Errorf("cannot connect: %w", &net.OpError{Err: os.NewSyscallError("connect", syscall.EACCES)}), otp.ErrNotServed},
		{fmt.Errorf("%w: %w", mfad.ErrNotRunning, fs.ErrNotExist), otp.ErrNoAnswer},
		{mfad.ErrUnknownFate, otp.ErrNoAnswer},
		{errors.New("anything else"), otp.ErrNoAnswer},
	} {
		if got := judge(each.said).kind; got != each.wanted {
			t.Errorf("%v: %v", each.said, got)
		}
	}
}

func TestTheEnvironmentSaysWhereMfadIs(t *testing.T) {
	for _, each := range []struct{ realm, socket, wantedRealm, wantedSocket string }{
		{"", "", "netmaker", "/run/mfad/netmaker/mfad.sock"},
		{"club", "", "club", "/run/mfad/club/mfad.sock"},
		{"", "/a/s", "netmaker", "/a/s"},
		{"club", "/a/s", "club", "/a/s"},
	} {
		t.Setenv("MFAD_REALM", each.realm)
		t.Setenv("MFAD_SOCKET", each.socket)
		if got := ofEnvironment(); got.realm != each.wantedRealm || got.socket != each.wantedSocket || got.deadline != Deadline {
			t.Errorf("%+v: %+v", each, got)
		}
	}
}

// The client is made at the first call, and outlives the server that it was made for.
func TestAVerifierLivesThroughRestarts(t *testing.T) {
	answer := func(scripted.Request) []byte { return scripted.Accepted }
	path := filepath.Join(t.TempDir(), "s")
	v := New("netmaker", path, time.Minute)
	defer v.Close()
	for range 3 {
		ended := t.Run("a server", func(t *testing.T) {
			server := scripted.Serve(t, answer)
			os.Remove(path)
			if err := os.Symlink(server.Path, path); err != nil {
				t.Fatal(err)
			}
			// What was sent into the connection that is ending is lost: the person tries again.
			err := v.Verify(scripted.Handle, "123456")
			for errors.Is(err, mfad.ErrUnknownFate) {
				err = v.Verify(scripted.Handle, "123456")
			}
			if err != nil {
				t.Error(err)
			}
		})
		if !ended {
			return
		}
	}
}

func TestOneCallConnectsForAll(t *testing.T) {
	v := New("netmaker", filepath.Join(t.TempDir(), "s"), 20*time.Millisecond)
	// Whoever connects takes for ever.
	v.turn <- struct{}{}
	if err := v.Verify(scripted.Handle, "123456"); !errors.Is(err, otp.ErrNoAnswer) {
		t.Error(err)
	}
	<-v.turn
}
