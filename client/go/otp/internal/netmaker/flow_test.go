package netmaker_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

const step = 30

// An app makes the codes of one key, as a phone does that has scanned its URL.
type app struct {
	server *server
	secret string
}

// code is the one of so many steps after now.
func (a app) code(steps int64) string {
	a.server.Helper()
	code, err := totp.GenerateCode(a.secret, time.Unix(a.server.unix+steps*step, 0))
	check(a.server.T, err)
	return code
}

// wrong is the code of no step near now.
func (a app) wrong() string {
	near := map[string]bool{}
	for steps := int64(-20); steps <= 20; steps++ {
		near[a.code(steps)] = true
	}
	for number := 0; ; number++ {
		if code := fmt.Sprintf("%06d", number); !near[code] {
			return code
		}
	}
}

// initiate begins a set-up, and scans the picture.
func (s *server) initiate(name string) (reply, app) {
	s.Helper()
	begun := s.expect(http.StatusOK, "totp setup initiated", "init-totp", name, nil)
	key, err := otp.NewKeyFromURL(scan(s.T, begun.QRCode))
	check(s.T, err)
	if strings.Contains(key.URL(), "mfad") || key.Issuer() != "Netmaker" || key.AccountName() != name {
		s.Fatalf("the picture shows %s to %s", key.Issuer(), key.AccountName())
	}
	typed, err := otp.NewKeyFromURL(begun.URL)
	check(s.T, err)
	if !strings.HasPrefix(typed.Secret(), "mfad1:") || !strings.Contains(begun.URL, "&secret="+key.Secret()+"&mfad=") {
		s.Fatal("who types the key has another one than who scans it")
	}
	s.secrets = append(s.secrets, key.Secret())
	return begun, app{s, key.Secret()}
}

// scan reads the picture of a QR code.
func scan(t *testing.T, picture []byte) string {
	t.Helper()
	file := t.TempDir() + "/qr.png"
	check(t, os.WriteFile(file, picture, 0o600))
	var complaint bytes.Buffer
	scanner := exec.Command("zbarimg", "--quiet", "--raw", file)
	scanner.Stderr = &complaint
	text, err := scanner.Output()
	if err != nil {
		t.Fatalf("zbarimg (package zbar-tools) reads no code: %v: %s", err, &complaint)
	}
	return string(bytes.TrimSpace(text))
}

func with(begun reply, code string) request {
	return request{"otp_auth_url": begun.URL, "otp_auth_url_signature": begun.Signature, "totp": code}
}

// enrol sets a user up, with the code of so many steps after now.
func (s *server) enrol(name string, steps int64) app {
	s.Helper()
	begun, app := s.initiate(name)
	s.expect(http.StatusOK, "totp setup complete for user "+name, "complete-totp", name, with(begun, app.code(steps)))
	stored := s.users()[name]
	handle := stored.TOTPSecret
	if !stored.IsMFAEnabled || !strings.HasPrefix(handle, "mfad1:") || !strings.HasSuffix(begun.URL, "&mfad="+handle) {
		s.Fatalf("the database holds %+v", stored)
	}
	return app
}

// accepts and refuses send a code of a user who has given the password.
func (s *server) accepts(name, code string) {
	s.Helper()
	s.expect(http.StatusOK, "W1R3: TOTP required", "authenticate", name, nil)
	s.expect(http.StatusOK, "W1R3: User "+name+" Authorized", "verify-totp", name, request{"totp": code})
}

func (s *server) refuses(name, code string) {
	s.Helper()
	s.expect(http.StatusUnauthorized, "invalid otp", "verify-totp", name, request{"totp": code})
}

// logged says how many lines of its log say this.
func (s *server) logged(words string) int { return strings.Count(s.log(), words) }

const (
	down      = "ERROR mfad does not answer"
	throttled = "WARN mfad makes an account wait"
)

func TestAUserIsSetUpAndLogsIn(t *testing.T) {
	s := run(t)
	s.expect(http.StatusOK, "W1R3: Device alice Authorized", "authenticate", "alice", nil)
	s.expect(http.StatusBadRequest, "mfa is disabled for user(alice)", "verify-totp", "alice", request{"totp": "123456"})
	begun, app := s.initiate("alice")
	forged := with(begun, app.code(0))
	forged["otp_auth_url"] = strings.Replace(begun.URL, "alice", "mallory", 1)
	s.expect(http.StatusBadRequest, "otp auth url signature mismatch", "complete-totp", "alice", forged)
	s.expect(http.StatusBadRequest, "cannot setup totp for user alice: invalid otp", "complete-totp", "alice",
		with(begun, app.wrong()))
	if users := s.users(); len(users) != 0 {
		t.Fatalf("the database holds %v", users)
	}
	s.expect(http.StatusOK, "totp setup complete for user alice", "complete-totp", "alice", with(begun, app.code(0)))
	// The code of the set-up is used.
	s.refuses("alice", app.code(0))
	s.refuses("alice", app.wrong())
	s.refuses("alice", "")
	s.accepts("alice", app.code(1))
	s.refuses("alice", app.code(1))
	s.forward(2 * step)
	s.accepts("alice", " "+app.code(0)+" ")
	if s.log() != "" {
		t.Errorf("the log says %s", s.log())
	}
}

func TestAUserIsSetUpAgain(t *testing.T) {
	s := run(t)
	old := s.enrol("alice", 0)
	first := s.users()["alice"]
	begun, app := s.initiate("alice")
	// Until the new factor is confirmed, the old one works.
	s.accepts("alice", old.code(1))
	s.forward(2 * step)
	s.expect(http.StatusOK, "totp setup complete", "complete-totp", "alice", with(begun, app.code(0)))
	s.refuses("alice", old.code(1))
	s.accepts("alice", app.code(1))
	if again := s.users()["alice"]; again == first {
		t.Fatal("the handle is the old one")
	}
	// Whoever brings the old record back brings no old factor back.
	s.put("alice", first)
	s.forward(2 * step)
	s.refuses("alice", old.code(0))
	s.refuses("alice", app.code(0))
}

// The URL of a set-up is signed for ever. Once a later factor works, it is worth nothing.
func TestAnOldURLIsNotCompletedAgain(t *testing.T) {
	s := run(t)
	begun, old := s.initiate("alice")
	s.expect(http.StatusOK, "totp setup complete", "complete-totp", "alice", with(begun, old.code(0)))
	s.forward(2 * step)
	app := s.enrol("alice", 0)
	s.accepts("alice", app.code(1))
	now := s.users()["alice"]
	s.forward(2 * step)
	s.expect(http.StatusBadRequest, "cannot setup totp for user alice: invalid otp", "complete-totp", "alice",
		with(begun, old.code(0)))
	if s.users()["alice"] != now {
		t.Errorf("the database holds %v", s.users())
	}
	s.accepts("alice", app.code(0))
}

// The new handle was confirmed, and the database did not take it.
func TestAFailedStoreLocksNobodyOut(t *testing.T) {
	s := run(t)
	old := s.enrol("alice", 0)
	before := s.users()["alice"]
	begun, lost := s.initiate("alice")
	failing := with(begun, lost.code(0))
	failing["store_fails"] = true
	s.expect(http.StatusInternalServerError, "error upserting user", "complete-totp", "alice", failing)
	if after := s.users()["alice"]; after != before {
		t.Fatalf("the database holds %+v", after)
	}
	s.accepts("alice", old.code(1))
	s.refuses("alice", old.code(1))
	s.forward(2 * step)
	s.accepts("alice", old.code(0))
	// The next try is stored.
	s.forward(2 * step)
	app := s.enrol("alice", 0)
	s.accepts("alice", app.code(1))
	s.forward(2 * step)
	s.put("bob", before)
	s.refuses("bob", old.code(0))
	s.refuses("bob", lost.code(0))
}

func TestAUserWhoIsDisabledEnrolsAnew(t *testing.T) {
	s := run(t)
	s.enrol("alice", 0)
	s.expect(http.StatusOK, "alice was updated", "disable", "alice", nil)
	s.expect(http.StatusOK, "W1R3: Device alice Authorized", "authenticate", "alice", nil)
	s.expect(http.StatusBadRequest, "mfa is disabled for user(alice)", "verify-totp", "alice", request{"totp": "123456"})
	s.forward(2 * step)
	app := s.enrol("alice", 0)
	s.accepts("alice", app.code(1))
}

func TestGuessesWait(t *testing.T) {
	s := run(t)
	app := s.enrol("alice", 0)
	for range 3 {
		s.refuses("alice", app.wrong())
	}
	if s.logged(throttled) != 0 {
		t.Errorf("the log says %s", s.log())
	}
	s.refuses("alice", app.code(1))
	if s.logged(throttled) != 1 {
		t.Errorf("the log says %s", s.log())
	}
	s.rest(5)
	s.accepts("alice", app.code(1))
}

func TestNobodyGetsInWhileTheDaemonIsDown(t *testing.T) {
	s := run(t)
	app := s.enrol("alice", 0)
	begun, next := s.initiate("bob")
	s.kill()
	s.refuses("alice", app.code(1))
	s.expect(http.StatusInternalServerError, "failed to generate totp key: otp: mfad does not answer", "init-totp", "alice",
		nil)
	s.expect(http.StatusBadRequest, "cannot setup totp for user bob: invalid otp", "complete-totp", "bob",
		with(begun, next.code(0)))
	if s.logged(down) != 3 || s.logged("\n") != 3 {
		t.Errorf("the log says %s", s.log())
	}
	s.spawn()
	s.accepts("alice", app.code(1))
	s.expect(http.StatusOK, "totp setup complete for user bob", "complete-totp", "bob", with(begun, next.code(0)))
	// One that hangs is not waited for.
	check(t, s.daemon.process.Process.Signal(syscall.SIGSTOP))
	s.refuses("alice", app.wrong())
	check(t, s.daemon.process.Process.Signal(syscall.SIGCONT))
	if s.logged(down) != 4 {
		t.Errorf("the log says %s", s.log())
	}
	// Records on a disk that is gone are no answer, either.
	s.kill()
	check(t, os.RemoveAll(s.path("state/store")))
	s.spawn()
	s.refuses("bob", next.code(1))
	if s.logged(down) != 5 {
		t.Errorf("the log says %s", s.log())
	}
}

func TestAKeyOfBeforeIsJudgedInTheProcess(t *testing.T) {
	s := run(t)
	const kept = "gezdgnbvgy3tqojqgezdgnbvgy3tqojq"
	s.put("carol", user{true, kept})
	s.kill()
	// The program's own clock is the real one.
	code, err := totp.GenerateCode(kept, time.Now())
	check(t, err)
	s.accepts("carol", code)
	s.refuses("carol", "12345")
	if s.log() != "" {
		t.Errorf("the log says %s", s.log())
	}
}

func TestARecordWithoutAKeyIsANo(t *testing.T) {
	s := run(t)
	// The codes of an empty key at the first steps, and what mfad is never asked.
	for _, secret := range []string{"", " ", "mfad1:", "mfad1:A", "no key", "0189"} {
		s.put("dora", user{true, secret})
		for _, code := range []string{"328482", "812658", "073348", ""} {
			s.refuses("dora", code)
		}
		code, err := totp.GenerateCode("AA", time.Now())
		check(t, err)
		s.refuses("dora", code)
	}
}
