package main

import (
	"testing"
	"time"

	"mfad"
	"mfad/internal/livedaemon"
)

func TestAnAdministratorDisablesAndTheUserEnrolsAgain(t *testing.T) {
	s := open(t)
	root, alice := s.arrives("root1", superAdmin), s.arrives("alice", "")
	alice.enrols()
	root.enforces(true)
	got := root.updates(alice, off("alice"), 200, "")
	if got.Enabled {
		t.Fatal(got.body)
	}
	alice.asks("GET", alice.path(""), alice.token, "", 401, "unauthorized")
	s.Says(`"said":"by root1 in Netmaker"`)
	old := *alice
	token := alice.begins("W1R3: TOTP setup required")
	alice.scans(alice.posts("/auth/init-totp", token, "", 200, "totp setup initiated"), token)
	alice.Forward(livedaemon.Step)
	alice.verifies(alice.begun(), old.code(0), 401, "invalid otp")
	alice.enters(alice.code(0))
}

func TestALoginThatTheAdministratorHasOvertakenEnds(t *testing.T) {
	s := open(t)
	root, alice := s.arrives("root1", superAdmin), s.arrives("alice", "")
	alice.enrols()
	token := alice.begun()
	root.updates(alice, off("alice"), 200, "")
	alice.verifies(token, alice.code(1), 401, "unauthorized")
	// Nobody told the service of this one.
	alice.token = alice.begins("W1R3: Device alice Authorized")
	alice.enrols()
	token = alice.begun()
	livedaemon.Check(t, s.service.admin.Disable(t.Context(), mfad.Account{Realm: "netmaker", User: "alice"}, "lost phone"))
	alice.verifies(token, alice.code(1), 400, "mfa is disabled for user(alice), cannot process totp verification")
}

func TestARecordDisablesNothingByMistakeOrByOneself(t *testing.T) {
	s := open(t)
	root, alice := s.arrives("root1", superAdmin), s.arrives("alice", "")
	admin1, admin2 := s.arrives("admin1", admin), s.arrives("admin2", admin)
	// Without a factor there is nothing to disable, and nothing to enable by a record.
	on := object{"username": "alice", "is_mfa_enabled": true, "totp_secret": "A"}
	for _, body := range []object{off("alice"), {"username": "alice"}, on} {
		if got := root.updates(alice, body, 200, ""); got.Enabled {
			t.Fatal(got.body)
		}
	}
	for _, each := range []*person{root, admin1, alice} {
		each.enrols()
	}
	root.updates(alice, object{"username": "alice"}, 200, "")
	root.updates(alice, on, 200, "")
	root.updates(alice, off("root1"), 400, "user in param and request body not matching")
	alice.updates(alice, off("alice"), 403, "reset your own mfa with your password and a code: reset-totp")
	alice.updates(root, off("root1"), 403, "forbidden")
	alice.asks("PUT", "/api/users/nobody", alice.token, off("nobody"), 403, "forbidden")
	alice.asks("PUT", "/api/server/settings", alice.token, object{"mfa_enforced": false}, 403, "forbidden")
	admin2.updates(admin1, off("admin1"), 403, "forbidden")
	admin2.updates(root, off("root1"), 403, "forbidden")
	root.enforces(true)
	alice.updates(alice, off("alice"), 403, "mfa is enforced, user cannot unset their own mfa")
	for _, each := range []*person{root, admin1, alice} {
		each.has(true)
	}
	admin2.updates(alice, off("alice"), 200, "")
	root.updates(admin1, off("admin1"), 200, "")
}

func TestANewUserHasNoSecondFactorWhateverTheBodySays(t *testing.T) {
	s := open(t)
	root := s.arrives("root1", superAdmin)
	newcomer := object{"username": "carol", "password": password, "platform_role_id": admin, "is_mfa_enabled": true, "totp_secret": "A"}
	if got := root.asks("POST", "/api/users/carol", root.token, newcomer, 200, ""); got.Enabled {
		t.Fatal(got.body)
	}
	carol := &person{site: s, name: "carol"}
	carol.token = carol.begins("W1R3: Device carol Authorized")
	newcomer["username"] = "other"
	carol.asks("POST", "/api/users/other", carol.token, newcomer, 403, "forbidden")
	carol.asks("POST", "/api/users/other", carol.token, object{"username": "o", "password": password}, 400, "")
}

func TestWithoutAnAdminSocketTheRoutesNameTheCommand(t *testing.T) {
	d := livedaemon.Start(t, configuration)
	s := before(t, d, d.Socket(), "", mfad.Options{Deadline: time.Minute})
	root, alice := s.arrives("root1", superAdmin), s.arrives("alice", "")
	alice.enrols()
	const instead = "this server may not administer mfa: use mfactl --realm netmaker admin "
	root.asks("GET", "/api/server/settings", root.token, "", 501, instead+"enforce")
	root.asks("PUT", "/api/server/settings", root.token, object{"mfa_enforced": true}, 501, instead+"enforce on|off")
	root.updates(alice, off("alice"), 501, instead+"disable alice --reason 'lost phone'")
	alice.has(true)
	alice.enters(alice.code(1))
}
