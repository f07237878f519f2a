package main

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"mfad/internal/livedaemon"
)

func TestTheServiceListensOnThisMachineAlone(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "[::]:0", "192.0.2.7:0", ":0", "localhost:0", "127.0.0.1", ""} {
		if listener, err := bind(address); err == nil {
			listener.Close()
			t.Errorf("it listens on %q", address)
		}
	}
	for _, address := range []string{"127.0.0.1:0", "unix:" + filepath.Join(t.TempDir(), "s")} {
		listener, err := bind(address)
		livedaemon.Check(t, err)
		listener.Close()
	}
}

// The whole program, by what its environment says.
func TestTheServiceRunsOnAUnixSocket(t *testing.T) {
	d := livedaemon.Start(t, configuration)
	t.Setenv("MFAD_SOCKET", d.Socket())
	t.Setenv("MFAD_ADMIN_SOCKET", d.Socket())
	path := d.Path("http.sock")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- run(ctx, "unix:"+path) }()
	s := &site{Daemon: d, T: t, client: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "unix", path)
		},
	}}}
	s.url = "http://service"
	listens(t, path)
	s.asks("POST", "/api/users/adm/createsuperadmin", "", object{"username": "admin1", "password": password}, 200, "")
	admin := &person{site: s, name: "admin1"}
	admin.token = admin.begins("W1R3: Device admin1 Authorized")
	admin.enforces(true)
	s.client.CloseIdleConnections()
	stop()
	livedaemon.Check(t, <-ended)
}

// listens waits until somebody does.
func listens(t *testing.T, path string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		connection, err := net.Dial("unix", path)
		if err == nil {
			connection.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}
