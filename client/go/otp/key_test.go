package otp_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pquerna/otp"
)

const (
	secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	handle = "mfad1:" + secret
	plain  = "otpauth://totp/Netmaker:alice?secret=" + secret
)

func TestTheSecretOfAKeyAtMfadIsItsHandle(t *testing.T) {
	for _, parameter := range []string{handle, strings.Replace(handle, ":", "%3A", 1)} {
		key, err := otp.NewKeyFromURL(plain + "&mfad=" + parameter)
		if err != nil || key.Secret() != handle {
			t.Errorf("%v, %v", key, err)
		}
	}
	key, err := otp.NewKeyFromURL(plain)
	if err != nil || key.Secret() != secret {
		t.Errorf("%v, %v", key, err)
	}
}

// A program must never keep a key in the place of a handle.
func TestAWrongHandleIsNoKey(t *testing.T) {
	for _, parameter := range []string{
		"mfad=", "mfad", "mfad=" + secret, "mfad=mfad1:", "mfad=" + handle + "A", "mfad=" + strings.ToLower(handle),
		"mfad=" + handle + "&mfad=" + handle, "mfad=%zz", "mfad=" + handle + ";", "x=%zz&mfad=" + handle,
	} {
		if key, err := otp.NewKeyFromURL(plain + "&" + parameter); key != nil || !errors.Is(err, otp.ErrHandleInvalid) {
			t.Errorf("%s: %v", parameter, err)
		}
	}
}

func TestAnErrorDoesNotRepeatTheURL(t *testing.T) {
	_, err := otp.NewKeyFromURL("otpauth://totp/%zz?secret=" + secret)
	if !errors.Is(err, otp.ErrURLInvalid) || strings.Contains(err.Error(), secret) {
		t.Error(err)
	}
}

func TestAKeyThatWasReadHasNoImage(t *testing.T) {
	for _, url := range []string{plain, plain + "&mfad=" + handle} {
		key, err := otp.NewKeyFromURL(url)
		if err != nil {
			t.Fatal(err)
		}
		if picture, err := key.Image(200, 200); picture != nil || !errors.Is(err, otp.ErrNoImage) {
			t.Error(err)
		}
	}
}

func TestAKeyOfNothingIsEmpty(t *testing.T) {
	var key otp.Key
	if key.Secret() != "" || key.URL() != "" || key.String() != "" || key.Type() != "" || key.Issuer() != "" ||
		key.AccountName() != "" || key.Period() != 30 || key.Digits() != otp.DigitsSix {
		t.Errorf("%+v", key)
	}
	if _, err := key.Image(200, 200); !errors.Is(err, otp.ErrNoImage) {
		t.Error(err)
	}
}

func FuzzNoURLIsTooStrange(f *testing.F) {
	f.Add(plain)
	f.Add(plain + "&mfad=" + handle)
	f.Add("otpauth://totp/%zz?digits=-1&period=x&mfad=")
	f.Fuzz(func(t *testing.T, url string) {
		key, err := otp.NewKeyFromURL(url)
		if err != nil {
			return
		}
		_ = key.String() + key.URL() + key.Type() + key.Issuer() + key.AccountName() + key.Secret() + key.Digits().String()
		_, _, _ = key.Period(), key.Algorithm(), key.Encoder()
		if _, err := key.Image(int(key.Period()), 200); err == nil {
			t.Error("an image of nothing")
		}
	})
}
