package main

import (
	"errors"
	"os"
	"testing"
	"time"

	"mfad"
	"mfad/internal/livedaemon"
)

// A uid-0 process that has nothing but the realm's folder, as a container has it, logs people in there, and administers
// nothing.
func TestRootWithTheRealmsFolderAloneCannotAdminister(t *testing.T) {
	if os.Geteuid() != 0 {
		const need = "this one test needs root: it shows what uid 0 may not do on a realm's socket"
		if os.Getenv("CI") == "true" {
			t.Fatal(need)
		}
		t.Skip(need)
	}
	d := livedaemon.StartActivated(t, configuration, "netmaker")
	options := mfad.Options{Deadline: time.Minute}
	folder := d.RealmSocket("netmaker")
	s := before(t, d, folder, folder, options)
	root, alice := s.arrives("root1", superAdmin), s.arrives("alice", "")
	alice.enrols()
	alice.enters(alice.code(1))

	ctx, account := t.Context(), mfad.Account{Realm: "netmaker", User: "alice"}
	refused := map[string]error{
		"disable":      s.service.admin.Disable(ctx, account, "none"),
		"unlock":       s.service.admin.Unlock(ctx, account),
		"remove":       s.service.admin.Remove(ctx, account),
		"set-password": s.service.admin.SetPassword(ctx, account, []byte(password)),
	}
	_, refused["recover"] = s.service.admin.Recover(ctx, account)
	_, refused["enforce off"] = s.service.admin.SetPolicy(ctx, "netmaker", mfad.Enforcement{})
	_, refused["enforce"] = s.service.admin.GetPolicy(ctx, "netmaker")
	_, refused["another realm"] = s.service.login.Status(ctx, mfad.Account{Realm: "system", User: "root"})
	for what, err := range refused {
		if !errors.Is(err, mfad.ErrNotPermitted) {
			t.Errorf("%s: %v", what, err)
		}
	}
	root.updates(alice, off("alice"), 503, "")
	root.asks("PUT", "/api/server/settings", root.token, object{"mfa_enforced": false}, 503, "")
	root.asks("GET", "/api/server/settings", root.token, "", 503, "")
	alice.has(true)

	// On the public socket, where it belongs, the second connection may.
	s = before(t, d, folder, d.Socket(), options)
	root, alice = s.arrives("root1", superAdmin), s.arrives("alice", "")
	root.enforces(true)
	alice.has(true)
	root.updates(alice, off("alice"), 200, "")
	alice.begins("W1R3: TOTP setup required")
}
