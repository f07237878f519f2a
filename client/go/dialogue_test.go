package mfad_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"mfad"
)

// A dialogue asks a live daemon, and fails the test where the answer is another one than expected.
type dialogue struct {
	*daemon
	*mfad.Client
	context.Context
	test *testing.T
}

func converse(t *testing.T) dialogue {
	d := start(t)
	return dialogue{d, d.dial(t), t.Context(), t}
}

var origin = mfad.Origin{Service: "test", RemoteHost: "192.0.2.7", TTY: "pts/3"}

func (d dialogue) expect(wanted, err error) {
	d.test.Helper()
	if !errors.Is(err, wanted) {
		d.test.Fatalf("got %v, want %v", err, wanted)
	}
}

func (d dialogue) needs(account mfad.Account, wanted mfad.Need) {
	d.test.Helper()
	need, err := d.Begin(d, account, origin)
	if err != nil || need != wanted {
		d.test.Fatalf("got %v, %v, want %v", need, err, wanted)
	}
}

func (d dialogue) accepts(account mfad.Account, code []byte) mfad.Accepted {
	d.test.Helper()
	accepted, err := d.Verify(d, account, code, origin)
	check(d.test, err)
	return accepted
}

func (d dialogue) refuses(wanted error, account mfad.Account, code []byte) {
	d.test.Helper()
	_, err := d.Verify(d, account, code, origin)
	d.expect(wanted, err)
}

var alice = mfad.Account{Realm: "club", User: "alice"}

func TestAServerSaysHowItIs(t *testing.T) {
	d := converse(t)
	pong, err := d.Ping(d)
	if err != nil || !pong.Ready || pong.Version == "" || pong.Why != "" {
		t.Fatalf("%+v, %v", pong, err)
	}
}

func TestAnAccountEnrollsAndLogsIn(t *testing.T) {
	d := converse(t)
	d.needs(alice, mfad.Need{Kind: mfad.NeedNothing})
	enrollment, err := d.Enroll(d, alice, mfad.Asserted(), mfad.EnrollOptions{Issuer: "The Club", Origin: origin})
	check(t, err)
	if !hasPrefix(enrollment.URI, "otpauth://totp/The%20Club:alice?") || len(enrollment.Handle) != 38 {
		t.Fatalf("URI or handle is wrong: %s", enrollment.Handle)
	}
	if left := enrollment.ExpiresAt.Unix() - d.Unix(); left != 600 {
		t.Fatalf("it lapses in %d s", left)
	}
	// The three corners of a QR code are dark, and what lies around it is light.
	last := enrollment.QR.Size() - 1
	if qr := enrollment.QR; !qr.Dark(0, 0) || !qr.Dark(0, last) || !qr.Dark(last, 0) || qr.Dark(-1, 0) || qr.Dark(0, last+1) {
		t.Fatal("no QR code")
	}
	app := scan(t, enrollment.URI)
	_, err = d.Confirm(d, alice, enrollment.ID, app.Wrong(d.Unix()))
	d.expect(mfad.ErrDenied, err)
	_, err = d.Confirm(d, alice, mfad.EnrollmentID{1}, app.Code(d.Unix()))
	d.expect(mfad.ErrDenied, err)
	codes, err := d.Confirm(d, alice, enrollment.ID, app.Code(d.Unix()))
	if err != nil || len(codes) != 10 || len(codes[9]) != len("K7QX-2MZA-WD4T-BN6E") {
		t.Fatalf("%d codes, %v", len(codes), err)
	}
	d.needs(alice, mfad.Need{Kind: mfad.NeedCode})
	d.refuses(mfad.ErrDenied, alice, app.Code(d.Unix()))
	d.refuses(mfad.ErrDenied, alice, app.Wrong(d.Unix()))
	accepted := d.accepts(alice, app.Code(d.Unix()+step))
	if accepted.Factor != mfad.FactorTotp || accepted.FailuresSince != 1 || accepted.LastFailure.Service != "test" ||
		accepted.LastFailure.Time.Unix() != d.Unix() {
		t.Fatalf("%+v", accepted)
	}
	accepted = d.accepts(alice, codes[3])
	if accepted.Factor != mfad.FactorRecovery || accepted.RecoveryLeft != 9 || accepted.LastFailure != nil {
		t.Fatalf("%+v", accepted)
	}
	status, err := d.Status(d, alice)
	now := time.Unix(d.Unix(), 0)
	wanted := mfad.Status{Realm: "club", User: "alice", State: mfad.StateActive, RecoveryLeft: 9, EnrolledAt: now, LastSuccess: now}
	if err != nil || status != wanted {
		t.Fatalf("%+v, %v", status, err)
	}
}

func TestAFactorIsLookedAfter(t *testing.T) {
	d := converse(t)
	app := d.enroll(d.Client, alice)
	codes, err := d.Recovery(d, alice, mfad.Asserted(), app.Code(d.Unix()+step))
	if err != nil || len(codes) != 10 {
		t.Fatalf("%d codes, %v", len(codes), err)
	}
	// The app's clock is three steps ahead.
	d.Forward(10 * step)
	d.expect(mfad.ErrDenied, d.Resync(d, alice, mfad.Asserted(), app.Code(d.Unix()+3*step), app.Code(d.Unix()+2*step)))
	check(t, d.Resync(d, alice, mfad.Asserted(), app.Code(d.Unix()+2*step), app.Code(d.Unix()+3*step)))
	d.accepts(alice, app.Code(d.Unix()+4*step))

	enrollment, err := d.Reset(d, alice, mfad.Asserted(), codes[0], origin)
	if err != nil || enrollment != nil {
		t.Fatalf("%v, %v", enrollment, err)
	}
	d.needs(alice, mfad.Need{Kind: mfad.NeedNothing})
	_, err = d.Reset(d, alice, mfad.Asserted(), codes[1], origin)
	d.expect(mfad.ErrDenied, err)
}

func TestARealmEnforcesASecondFactor(t *testing.T) {
	d := converse(t)
	app := d.enroll(d.Client, alice)
	later := mfad.Enforcement{Mode: mfad.EnforceAfter, From: time.Unix(d.Unix()+3600, 0)}
	policy, err := d.SetPolicy(d, "club", later)
	if err != nil || policy != (mfad.Policy{Enforcement: later, Stored: true, FirstFactor: mfad.FirstAsserted}) {
		t.Fatalf("%+v, %v", policy, err)
	}
	bob := mfad.Account{Realm: "club", User: "bob"}
	d.needs(bob, mfad.Need{Kind: mfad.NeedNothing})
	d.Forward(3600)
	d.needs(bob, mfad.Need{Kind: mfad.NeedEnroll})
	again, err := d.GetPolicy(d, "club")
	if policy.Enforced = true; err != nil || again != policy {
		t.Fatalf("%+v, %v", again, err)
	}
	enrollment, err := d.Reset(d, alice, mfad.Asserted(), app.Code(d.Unix()), origin)
	if err != nil || enrollment == nil {
		t.Fatalf("%v, %v", enrollment, err)
	}
	_, err = d.Confirm(d, alice, enrollment.ID, scan(t, enrollment.URI).Code(d.Unix()))
	check(t, err)
	policy, err = d.SetPolicy(d, "club", mfad.Enforcement{})
	if err != nil || policy.Enforced || policy.Enforcement.Mode != mfad.EnforceOff {
		t.Fatalf("%+v, %v", policy, err)
	}
}

func TestAnAdministratorHelps(t *testing.T) {
	d := converse(t)
	carol := mfad.Account{Realm: "tickets", User: "carol"}
	d.expect(mfad.ErrDenied, d.Disable(d, carol, "never had one"))
	_, err := d.SetPolicy(d, "tickets", mfad.Enforcement{Mode: mfad.EnforceOn})
	check(t, err)
	d.needs(carol, mfad.Need{Kind: mfad.NeedEnroll, Ticket: true})
	issued, err := d.Recover(d, carol)
	if err != nil || issued.ExpiresAt.Unix() != d.Unix()+24*3600 {
		t.Fatalf("%v, %v", issued.ExpiresAt, err)
	}
	enrollment, err := d.Enroll(d, carol, mfad.Asserted(), mfad.EnrollOptions{Ticket: issued.Code})
	check(t, err)
	app := scan(t, enrollment.URI)
	_, err = d.Confirm(d, carol, enrollment.ID, app.Code(d.Unix()))
	check(t, err)
	lost, err := d.Recover(d, carol)
	check(t, err)
	if accepted := d.accepts(carol, lost.Code); accepted.Factor != mfad.FactorRecovery || accepted.RecoveryLeft != 10 {
		t.Fatalf("%+v", accepted)
	}
	check(t, d.Unlock(d, carol))
	check(t, d.Disable(d, carol, "the phone is gone"))
	check(t, d.Remove(d, carol))
	d.expect(mfad.ErrDenied, d.Remove(d, carol))
	d.expect(mfad.ErrDenied, d.Unlock(d, carol))
	d.needs(mfad.Account{Realm: "closed", User: "dora"}, mfad.Need{Kind: mfad.NeedLocked})
}

func TestTheServerKeepsPasswords(t *testing.T) {
	d := converse(t)
	erin := mfad.Account{Realm: "kept", User: "erin"}
	first, second := []byte("correct horse"), []byte("battery staple")
	check(t, d.SetPassword(d, erin, first))
	accepted, err := d.Authenticate(d, erin, first, nil, origin)
	if err != nil || accepted.Factor != mfad.FactorPassword {
		t.Fatalf("%+v, %v", accepted, err)
	}
	check(t, d.Passwd(d, erin, first, nil, second))
	_, err = d.Authenticate(d, erin, first, nil, origin)
	d.expect(mfad.ErrDenied, err)
	d.expect(mfad.ErrMalformed, d.Passwd(d, erin, second, nil, nil))
	_, err = d.SetPolicy(d, "kept", mfad.Enforcement{Mode: mfad.EnforceOn})
	check(t, err)
	_, err = d.Authenticate(d, erin, second, nil, origin)
	d.expect(mfad.ErrEnrollmentRequired, err)
	_, err = d.Enroll(d, erin, mfad.Password(first), mfad.EnrollOptions{})
	d.expect(mfad.ErrDenied, err)
	enrollment, err := d.Enroll(d, erin, mfad.Password(second), mfad.EnrollOptions{})
	check(t, err)
	app := scan(t, enrollment.URI)
	_, err = d.Confirm(d, erin, enrollment.ID, app.Code(d.Unix()))
	check(t, err)
	accepted, err = d.Authenticate(d, erin, second, app.Code(d.Unix()+step), origin)
	if err != nil || accepted.Factor != mfad.FactorTotp {
		t.Fatalf("%+v, %v", accepted, err)
	}
}

func TestGuessesMustWaitAndAreStopped(t *testing.T) {
	d := converse(t)
	app := d.enroll(d.Client, alice)
	d.Forward(2 * step)
	for range 3 {
		d.refuses(mfad.ErrDenied, alice, app.Wrong(d.Unix()))
	}
	_, err := d.Verify(d, alice, app.Code(d.Unix()), origin)
	var refusal *mfad.Refusal
	if !errors.As(err, &refusal) || !errors.Is(err, mfad.ErrTryLater) || refusal.Wait != 5*time.Second {
		t.Fatalf("%v", err)
	}
	if status, err := d.Status(d, alice); err != nil || status.RetryAfter != 5*time.Second || status.FailuresSince != 3 {
		t.Fatalf("%+v, %v", status, err)
	}
	for range 17 {
		d.Rest(900)
		d.refuses(mfad.ErrDenied, alice, app.Wrong(d.Unix()))
	}
	d.needs(alice, mfad.Need{Kind: mfad.NeedLocked})
	d.Rest(900)
	d.refuses(mfad.ErrDenied, alice, app.Code(d.Unix()))
	check(t, d.Unlock(d, alice))
	d.accepts(alice, app.Code(d.Unix()))
}

func TestEveryOtherRefusalHasItsError(t *testing.T) {
	d := converse(t)
	_, err := d.Begin(d, mfad.Account{Realm: "elsewhere", User: "alice"}, origin)
	d.expect(mfad.ErrNotPermitted, err)
	_, err = d.Begin(d, mfad.Account{Handle: "mfad1:" + strings.Repeat("A", 32)}, origin)
	d.expect(mfad.ErrDenied, err)
	_, err = d.Authenticate(d, alice, []byte("a password"), []byte("123456"), origin)
	d.expect(mfad.ErrUnsupported, err)
	d.expect(mfad.ErrUnsupported, d.SetPassword(d, alice, []byte("a password")))
	_, err = d.Enroll(d, mfad.Account{Realm: "club", User: "alice"}, mfad.Password([]byte("a password")), mfad.EnrollOptions{})
	d.expect(mfad.ErrUnsupported, err)
}

func TestAServerWithoutItsStoreIsUnavailable(t *testing.T) {
	d := converse(t)
	app := d.enroll(d.Client, alice)
	d.Kill()
	check(t, os.RemoveAll(d.Path("state/store")))
	d.Spawn()
	d.refuses(mfad.ErrUnavailable, alice, app.Code(d.Unix()+step))
	pong, err := d.Ping(d)
	if err != nil || pong.Ready || pong.Why == "" {
		t.Fatalf("%+v, %v", pong, err)
	}
}

func TestAnArgumentThatBreaksARuleIsNotSent(t *testing.T) {
	d := converse(t)
	long := strings.Repeat("x", 4096)
	unsent := map[string]error{}
	_, unsent["no realm"] = d.Status(d, mfad.Account{User: "alice"})
	_, unsent["a realm in upper case"] = d.Status(d, mfad.Account{Realm: "Club", User: "alice"})
	_, unsent["a user with a slash"] = d.Status(d, mfad.Account{Realm: "club", User: "a/b"})
	_, unsent["a user that is not UTF-8"] = d.Status(d, mfad.Account{Realm: "club", User: "\xff"})
	_, unsent["a handle"] = d.Status(d, mfad.Account{Handle: "mfad1:" + strings.Repeat("a", 32)})
	_, unsent["a long code"] = d.Verify(d, alice, []byte(long[:65]), origin)
	_, unsent["no proof"] = d.Enroll(d, alice, mfad.Proof{}, mfad.EnrollOptions{})
	_, unsent["an issuer with a colon"] = d.Enroll(d, alice, mfad.Asserted(), mfad.EnrollOptions{Issuer: "a:b"})
	_, unsent["a long password"] = d.Authenticate(d, alice, []byte(long[:1025]), nil, origin)
	_, unsent["an enforcement"] = d.SetPolicy(d, "club", mfad.Enforcement{Mode: 3})
	unsent["no reason"] = d.Disable(d, alice, "")
	for what, err := range unsent {
		var argument *mfad.ArgumentError
		if !errors.As(err, &argument) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// What says where a login comes from is cut instead.
	_, err := d.Begin(d, alice, mfad.Origin{Service: strings.Repeat("é", 40), RemoteHost: long, TTY: "\xff"})
	check(t, err)
}
