package main

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mfad/internal/livedaemon"
)

func TestNobodyGetsPastEnforcement(t *testing.T) {
	s := open(t)
	root, bob := s.arrives("root1", superAdmin), s.arrives("bobby", "")
	root.enforces(true)
	token := bob.begins("W1R3: TOTP setup required")
	again, err := s.try("POST", "/api/users/adm/authenticate", "", object{"username": "bobby", "password": password})
	if err != nil || again.Response["mfa_setup_required"] != true || again.text("AuthToken") != "" {
		t.Fatalf("%v, %v", again.body, err)
	}
	for _, route := range []string{"/validate-identity", "/auth/verify-totp", "/auth/reset-totp"} {
		bob.posts(route, token, object{"password": password, "totp": "000000"}, 401, "unauthorized")
	}
	s.asks("GET", bob.path(""), token, "", 401, "unauthorized")
	s.asks("PUT", bob.path(""), token, object{"username": "bobby"}, 401, "unauthorized")
	s.asks("GET", "/api/server/settings", token, "", 401, "unauthorized")
	// Set-up itself takes a code of the new key.
	shown := bob.posts("/auth/init-totp", token, "", 200, "totp setup initiated")
	signature := shown.text("otp_auth_url_signature")
	bob.posts("/auth/complete-totp", token, object{"otp_auth_url_signature": signature, "totp": "000000"}, 400, "")
	bob.begins("W1R3: TOTP setup required")
	bob.scans(shown, token)
	bob.has(true)
	// The token that led through set-up has ended, and the next login takes a code.
	bob.posts("/auth/init-totp", token, "", 401, "unauthorized")
	bob.enters(bob.code(1))
	root.enforces(false)
	bob.begun()
}

func TestASetUpBelongsToOneUserAndToOneEnrolment(t *testing.T) {
	s := open(t)
	alice, bob := s.arrives("alice", ""), s.arrives("bobby", "")
	shown := map[*person]reply{}
	for _, each := range []*person{alice, bob} {
		each.proves()
		shown[each] = each.posts("/auth/init-totp", each.token, "", 200, "")
	}
	app := livedaemon.Scan(t, []byte(shown[alice].text("otp_auth_url")))
	signature := shown[alice].text("otp_auth_url_signature")
	refused := func(who *person, signature string, code []byte) {
		t.Helper()
		body := object{"otp_auth_url_signature": signature, "totp": string(code)}
		who.posts("/auth/complete-totp", who.token, body, 400, "otp auth url signature mismatch")
	}
	for _, other := range []string{"", "00", signature + "A", shown[alice].text("otp_auth_url"), alice.token} {
		refused(alice, other, app.Code(s.Unix()))
	}
	refused(bob, signature, app.Code(s.Unix()))
	alice.scans(shown[alice], alice.token)
	// An old signature brings no old key back.
	refused(alice, signature, app.Code(s.Unix()+livedaemon.Step))
}

func TestAFactorIsNotReplacedByAPassword(t *testing.T) {
	alice := open(t).arrives("alice", "")
	alice.enrols()
	alice.proves()
	alice.posts("/auth/init-totp", alice.token, "", 403, "mfa is set up already: reset it, or ask an administrator")
	alice.enters(alice.code(1))
}

func TestAResetTakesPasswordAndCode(t *testing.T) {
	s := open(t)
	root, alice := s.arrives("root1", superAdmin), s.arrives("alice", "")
	alice.enrols()
	const wrong = "invalid password or otp"
	alice.resets("wrong", alice.code(1), 401, wrong)
	alice.resets(password, alice.code(0), 401, wrong)
	alice.resets(password, alice.wrong(), 401, wrong)
	alice.has(true)
	got := alice.resets(password, alice.code(1), 200, "totp reset for user alice")
	alice.asks("GET", alice.path(""), alice.token, "", 401, "unauthorized")
	alice.token = got.text("AuthToken")
	alice.has(false)
	alice.resets(password, alice.code(1), 401, wrong)
	alice.token = alice.begins("W1R3: Device alice Authorized")
	alice.enrols()

	// Where a factor is enforced, the old one works until the new one is confirmed.
	root.enforces(true)
	shown := alice.resets(password, alice.spares[0], 200, "totp setup initiated")
	alice.enters(alice.code(1))
	old := *alice
	alice.scans(shown, alice.token)
	alice.has(true)
	alice.verifies(alice.begun(), old.spares[1], 401, "invalid otp")
	alice.Forward(60)
	alice.verifies(alice.begun(), old.code(0), 401, "invalid otp")
	alice.enters(alice.code(0))
}

// zbarimg reads it: Debian has it in zbar-tools.
func TestThePictureShowsTheURL(t *testing.T) {
	s := open(t)
	for _, name := range []string{"alice", strings.Repeat("a.very.long.name", 15)} {
		user := s.arrives(name, "")
		user.proves()
		shown := user.posts("/auth/init-totp", user.token, "", 200, "")
		encoded, is := strings.CutPrefix(shown.text("qr_code"), "data:image/png;base64,")
		picture, err := base64.StdEncoding.DecodeString(encoded)
		if !is || err != nil {
			t.Fatalf("no picture: %v", err)
		}
		path := filepath.Join(t.TempDir(), "qr.png")
		livedaemon.Check(t, os.WriteFile(path, picture, 0o600))
		read, err := exec.Command("zbarimg", "--quiet", "--raw", path).Output()
		if err != nil || strings.TrimSpace(string(read)) != shown.text("otp_auth_url") {
			t.Fatalf("%v: %q", err, read)
		}
		hasMargins(t, picture)
	}
}

// hasMargins measures the dark row of seven modules with which a code begins, and wants four light ones before it.
func hasMargins(t *testing.T, file []byte) {
	t.Helper()
	picture, err := png.Decode(bytes.NewReader(file))
	livedaemon.Check(t, err)
	isDark := func(x, y int) bool {
		red, _, _, _ := picture.At(x, y).RGBA()
		return red == 0
	}
	corner, row := 0, 0
	for corner < picture.Bounds().Dx() && !isDark(corner, corner) {
		corner++
	}
	for isDark(corner+row, corner) {
		row++
	}
	if row == 0 || row%7 != 0 || corner < 4*row/7 {
		t.Fatalf("a row of %d behind a margin of %d", row, corner)
	}
}
