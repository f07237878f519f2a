package totp_test

import (
	"errors"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/internal/scripted"
	"github.com/pquerna/otp/totp"
)

func TestAKeyInBase32IsJudgedHere(t *testing.T) {
	// Nobody listens there, and nobody is asked.
	totp.AskAt(t, t.TempDir()+"/s", patience)
	code, err := totp.GenerateCode(secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if !totp.Validate(" "+code+"\n", " gezdgnbvgy3tqojqgezdgnbvgy3tqojq ") {
		t.Error("a right code is refused")
	}
	for _, wrong := range []string{"", "1", code[:5], code + "0", "abcdef", "mfad1:"} {
		if totp.Validate(wrong, secret) {
			t.Errorf("%q is accepted", wrong)
		}
	}
}

// The codes of an empty key are known to everybody.
func TestAnEmptySecretIsNoKey(t *testing.T) {
	for _, empty := range []string{"", " ", "\n", "========"} {
		for _, code := range []string{"328482", "812658", "073348"} {
			if totp.Validate(code, empty) {
				t.Errorf("%s is accepted", code)
			}
		}
		at, options := time.Unix(59, 0), totp.ValidateOpts{Digits: otp.DigitsSix}
		right, err := totp.ValidateCustom("812658", empty, at, options)
		if right || !errors.Is(err, otp.ErrValidateSecretInvalidBase32) {
			t.Errorf("%q: %v, %v", empty, right, err)
		}
	}
}

func TestTheSkewIsBounded(t *testing.T) {
	options := totp.ValidateOpts{Digits: otp.DigitsSix, Skew: 1000}
	if right, err := totp.ValidateCustom("755224", secret, time.Unix(1000*30, 0), options); !right || err != nil {
		t.Errorf("%v, %v", right, err)
	}
	if right, err := totp.ValidateCustom("755224", secret, time.Unix(1001*30, 0), options); right || err != nil {
		t.Errorf("%v, %v", right, err)
	}
	options.Skew = ^uint(0)
	if right, err := totp.ValidateCustom("755224", secret, time.Unix(0, 0), options); right || !errors.Is(err, otp.ErrOptionUnsupported) {
		t.Errorf("%v, %v", right, err)
	}
}

func FuzzNothingPanics(f *testing.F) {
	f.Add("287082", secret, int64(59), uint(30), uint(1), 6, 0, "")
	f.Add("287082", secret, int64(-1<<63), uint(1), uint(1), 100, 3, "steam")
	f.Add("", "", int64(0), ^uint(0), ^uint(0), -1, -1, "other")
	f.Add("123456", scripted.Handle, int64(0), uint(0), uint(0), 0, 0, "")
	f.Add("123456", "mfad1:", int64(1<<63-1), uint(0), uint(0), 1<<40, 4, "")
	f.Fuzz(func(t *testing.T, code, kept string, unix int64, period, skew uint, digits, algorithm int, encoder string) {
		server := scripted.Serve(t, always(scripted.Denied))
		totp.AskAt(t, server.Path, patience)
		options := totp.ValidateOpts{Period: period, Skew: skew, Digits: otp.Digits(digits),
			Algorithm: otp.Algorithm(algorithm), Encoder: otp.Encoder(encoder)}
		at := time.Unix(unix, 0)
		made, err := totp.GenerateCodeCustom(kept, at, options)
		if (made == "") != (err != nil) {
			t.Errorf("%q, %v", made, err)
		}
		if right, err := totp.ValidateCustom(code, kept, at, options); right && (err != nil || code == "" || kept == "") {
			t.Errorf("%v, %v", right, err)
		}
		totp.Validate(code, kept)
		if err == nil && options.Digits > 0 && options.Skew <= 1000 {
			if right, err := totp.ValidateCustom(made, kept, at, options); !right {
				t.Errorf("%q is made and refused: %v", made, err)
			}
		}
	})
}
