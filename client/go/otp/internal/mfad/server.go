package mfad

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// Who may serve (PROTOCOL.md, section 1). The kernel names the uid of the process that made the listening socket.
//
// MUST: the uid is judged before a byte is sent.

// Root serves, and systemd makes sockets as root.
const root = 0

// The environment variable that names one uid more.
const serverVariable = "MFAD_SERVER_UID"

// trust says which uids may serve, besides root and the user mfad.
type trust struct {
	path string
	// own is set for a path that was given explicitly.
	own   bool
	named uint32
}

func newTrust(path string, named uint32) (trust, error) {
	t := trust{path: path, own: path != "", named: named}
	if !t.own {
		t.path = PublicSocket
	}
	if text := os.Getenv(serverVariable); named == 0 && text != "" {
		uid, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return t, fmt.Errorf("mfad: %s is no uid: %w", serverVariable, err)
		}
		t.named = uint32(uid)
	}
	return t, nil
}

// judge asks the kernel who serves at the other end.
func (t trust) judge(ctx context.Context, socket *net.UnixConn) error {
	uid, err := serverUID(socket)
	if err != nil {
		return fmt.Errorf("mfad: the kernel does not say who serves: %w", err)
	}
	// The look-up comes last: it may ask a directory on the network.
	if t.includes(uid, uint32(os.Geteuid())) || isUserMfad(ctx, uid) {
		return nil
	}
	return &WrongServerError{Path: t.path, UID: uid}
}

// includes says whether this uid may serve a caller of that one.
func (t trust) includes(server, caller uint32) bool {
	return server == root || t.own && server == caller || t.named != 0 && server == t.named
}

func serverUID(socket *net.UnixConn) (uint32, error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	var (
		peer *syscall.Ucred
		said error
	)
	if err := raw.Control(func(descriptor uintptr) {
		peer, said = syscall.GetsockoptUcred(int(descriptor), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		return 0, err
	}
	if said != nil {
		return 0, said
	}
	return peer.Uid, nil
}

func isUserMfad(ctx context.Context, uid uint32) bool {
	found := make(chan bool, 1)
	go func() {
		mfad, err := user.Lookup("mfad")
		found <- err == nil && mfad.Uid == strconv.FormatUint(uint64(uid), 10)
	}()
	select {
	case is := <-found:
		return is
	case <-ctx.Done():
		return false
	}
}
