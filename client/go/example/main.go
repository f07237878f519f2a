// Example is a small HTTP service with Netmaker's routes of users, whose second factors package mfad judges. It is the model
// for a patch to the Netmaker server: client/go/README.md goes through it handler by handler.
//
// It keeps its users in memory, and of their second factors nothing: no secret, no recovery code, and not even whether
// there is one.
//
//	MFAD_SOCKET        the socket that logins are asked on, instead of the realm's below /run/mfad
//	MFAD_REALM         the realm, instead of netmaker
//	MFAD_ADMIN_SOCKET  a socket where this process may administer the realm, as a member of the group mfad-admin. Without
//	                   it the routes that need that answer 501
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"mfad"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8081", "the address of a loopback interface, or unix:PATH")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *listen); err != nil {
		slog.Error("the service has ended", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, address string) error {
	realm := cmp.Or(os.Getenv("MFAD_REALM"), "netmaker")
	// Neither connects before it is asked: this service starts also while mfad does not run.
	login, err := mfad.New(cmp.Or(os.Getenv("MFAD_SOCKET"), mfad.RealmSocket(realm)), mfad.Options{})
	if err != nil {
		return err
	}
	defer login.Close()
	var admin *mfad.Client
	if path := os.Getenv("MFAD_ADMIN_SOCKET"); path != "" {
		if admin, err = mfad.New(path, mfad.Options{}); err != nil {
			return err
		}
		defer admin.Close()
	}
	listener, err := bind(address)
	if err != nil {
		return err
	}
	server := http.Server{Handler: newService(realm, login, admin).routes(), ReadTimeout: 10 * time.Second}
	stopped := make(chan error, 1)
	defer context.AfterFunc(ctx, func() {
		// Longer than any call to mfad.
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		stopped <- server.Shutdown(ctx)
	})()
	slog.Info("listening", "address", listener.Addr().String())
	if err = server.Serve(listener); errors.Is(err, http.ErrServerClosed) {
		err = <-stopped
	}
	return err
}

// bind listens where only this machine can connect: TLS is a proxy's.
func bind(address string) (net.Listener, error) {
	if path, is := strings.CutPrefix(address, "unix:"); is {
		return net.Listen("unix", path)
	}
	if at, err := netip.ParseAddrPort(address); err != nil || !at.Addr().IsLoopback() {
		return nil, fmt.Errorf("%q is neither a loopback address with a port nor unix:PATH", address)
	}
	return net.Listen("tcp", address)
}
