package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestAUserEnablesLogsInAndIsRefusedAReplay(t *testing.T) {
	s := open(t)
	s.asks("POST", "/api/users/adm/createsuperadmin", "", object{"username": "admin1", "password": password}, 200, "")
	s.asks("POST", "/api/users/adm/createsuperadmin", "", object{"username": "admin2", "password": password}, 400, "user exists")
	admin := &person{site: s, name: "admin1"}
	admin.token = admin.begins("W1R3: Device admin1 Authorized")
	admin.has(false)

	const first = "validate the user's identity first"
	admin.posts("/auth/init-totp", admin.token, "", 403, first)
	got := admin.posts("/validate-identity", admin.token, object{"password": "wrong"}, 200, "user identity validation failed")
	if got.Response["identity_validated"] != false {
		t.Fatal(got.body)
	}
	admin.posts("/auth/init-totp", admin.token, "", 403, first)
	got = admin.posts("/validate-identity", admin.token, object{"password": password}, 200, "user identity validated")
	if got.Response["identity_validated"] != true {
		t.Fatal(got.body)
	}
	before := admin.token
	shown := admin.posts("/auth/init-totp", before, "", 200, "totp setup initiated")
	// A confirmation is good for one set-up.
	admin.posts("/auth/init-totp", before, "", 403, first)
	admin.has(false)
	admin.posts("/auth/complete-totp", before, completes(shown, "wrong"),
		400, "cannot setup totp for user admin1: invalid otp")
	admin.scans(shown, before)
	if len(admin.spares) != 10 {
		t.Fatalf("%d recovery codes", len(admin.spares))
	}
	admin.asks("GET", admin.path(""), before, "", 401, "unauthorized")
	admin.has(true)

	token := admin.begun()
	admin.verifies(token, admin.code(0), 401, "invalid otp")
	admin.verifies(token, admin.wrong(), 401, "invalid otp")
	got = admin.verifies(token, admin.code(1), 200, "W1R3: User admin1 Authorized")
	if got.Response["failures_since"] != 1.0 || got.text("UserName") != "admin1" {
		t.Fatal(got.body)
	}
	admin.verifies(token, admin.code(1), 401, "invalid otp")

	kept := fmt.Sprintf("%v", s.service.users.byName)
	for _, secret := range append(admin.spares, shown.text("otp_auth_url")[len("otpauth://totp/Netmaker:admin1?secret="):][:32]) {
		if strings.Contains(kept, secret) {
			t.Fatal("the service keeps a secret")
		}
	}
}

func TestARecoveryCodeTakesThePlaceOfACode(t *testing.T) {
	alice := open(t).arrives("alice", "")
	alice.enrols()
	if got := alice.enters(alice.spares[0]); got.Response["recovery_left"] != 9.0 {
		t.Fatal(got.body)
	}
	alice.verifies(alice.begun(), alice.spares[0], 401, "invalid otp")
	alice.enters(strings.ToLower(alice.spares[1]))
}

func TestATokenIsGoodForItsPurposeAlone(t *testing.T) {
	s := open(t)
	alice, bob := s.arrives("alice", ""), s.arrives("bobby", "")
	alice.enrols()
	token := alice.begun()
	for _, route := range []string{"/validate-identity", "/auth/init-totp", "/auth/complete-totp", "/auth/reset-totp"} {
		alice.posts(route, token, "{}", 401, "unauthorized")
	}
	s.asks("GET", alice.path(""), token, "", 401, "unauthorized")
	s.asks("PUT", "/api/server/settings", token, "{}", 401, "unauthorized")
	// A full token is nothing to finish a login with: only who has just given the password does.
	alice.verifies(alice.token, alice.code(1), 401, "unauthorized")
	alice.posts("/auth/reset-totp", bob.token, "{}", 403, "forbidden")
	s.asks("GET", alice.path(""), bob.token, "", 403, "forbidden")
	bob.verifies(token, alice.code(1), 403, "forbidden")
	for _, forged := range []string{"", ".", token[1:], token + "A", strings.Split(token, ".")[0] + "."} {
		s.asks("GET", alice.path(""), forged, "", 401, "unauthorized")
	}
	alice.verifies(token, alice.code(1), 200, "")
}

func TestATokenEnds(t *testing.T) {
	s := open(t)
	alice := s.arrives("alice", "")
	alice.enrols()
	found, _ := s.service.users.find("alice")
	past := token{User: "alice", Purpose: preAuth, Expires: 1, Generation: found.generation}
	alice.verifies(s.service.sign(past), alice.code(1), 401, "unauthorized")
}

func TestWhoIsUnknownReadsLikeAWrongPassword(t *testing.T) {
	s := open(t)
	s.arrives("alice", "")
	login := func(name string) reply {
		return s.asks("POST", "/api/users/adm/authenticate", "", object{"username": name, "password": "wrong"}, 400, "incorrect credentials")
	}
	if wrong, unknown := login("alice"), login("nobody"); wrong.body != unknown.body {
		t.Fatalf("%s, %s", wrong.body, unknown.body)
	}
}

func TestAMalformedBodyIsAnsweredAsNetmakerDoes(t *testing.T) {
	s := open(t)
	alice := s.arrives("alice", superAdmin)
	s.asks("POST", "/api/users/adm/authenticate", "", "no JSON", 500, "W1R3: It's not you it's me.")
	alice.enrols()
	token := alice.begun()
	long := `{"totp": "` + strings.Repeat("1", 1<<17)
	for _, body := range []string{"", "no JSON", `{"totp": 1, "mfa_enforced": 1, "password": 1}`, long} {
		for _, got := range []reply{
			alice.posts("/auth/verify-totp", token, body, 400, ""),
			alice.posts("/auth/complete-totp", alice.token, body, 400, ""),
			alice.posts("/auth/reset-totp", alice.token, body, 400, ""),
			alice.asks("PUT", "/api/server/settings", alice.token, body, 400, ""),
		} {
			if !strings.HasPrefix(got.Message, "invalid request body: ") || got.Response != nil {
				t.Fatal(got.body)
			}
		}
	}
	alice.asks("PUT", "/api/server/settings", alice.token, "{}", 400, "invalid request body: mfa_enforced is missing")
	alice.verifies(token, strings.Repeat("1", 65), 400, "")
	alice.verifies(token, "", 401, "invalid otp")
}

func TestGuessesAreThrottledAndStopped(t *testing.T) {
	alice := open(t).arrives("alice", "")
	alice.enrols()
	alice.Forward(60)
	for range 3 {
		// A new token is no new try.
		alice.verifies(alice.begun(), alice.wrong(), 401, "invalid otp")
	}
	token := alice.begun()
	for _, code := range []string{alice.wrong(), alice.code(0), alice.spares[0]} {
		got := alice.verifies(token, code, 429, "too many wrong codes: try again in 5s")
		if got.header.Get("Retry-After") != "5" {
			t.Fatalf("%v", got.header)
		}
	}
	wait := alice.resets(password, alice.code(0), 429, "")
	if wait.header.Get("Retry-After") != "5" {
		t.Fatalf("%v", wait.header)
	}
	alice.Rest(5)
	alice.enters(alice.code(0))
	alice.Forward(60)
	for range 20 {
		alice.Rest(900)
		alice.verifies(token, alice.wrong(), 401, "invalid otp")
	}
	const locked = "mfa of user alice is locked: an administrator can unlock it"
	alice.Rest(900)
	alice.verifies(token, alice.code(0), 403, locked)
	alice.authenticates(403, locked)
}
