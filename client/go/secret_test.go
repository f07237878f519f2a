package mfad

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestASecretIsNotPrinted(t *testing.T) {
	enrollment := Enrollment{URI: Secret("otpauth:"), QR: QR{size: 1, bits: Secret{0x80}}}
	all := []any{enrollment.URI, enrollment, &enrollment, RecoveryCodes{Secret("otpauth:")}, Issued{Code: Secret("otpauth:")}}
	for _, secret := range all {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			text := fmt.Sprintf(verb, secret)
			if !strings.Contains(text, "[secret]") || strings.Contains(text, "otpauth") || strings.Contains(text, "6f7470") {
				t.Errorf("%T by %s: %s", secret, verb, text)
			}
		}
		if text, err := json.Marshal(secret); err == nil {
			t.Errorf("%T: %s", secret, text)
		}
	}
}

func TestAFrameIsWiped(t *testing.T) {
	f := new(frame)
	code := []byte("a code that is to be forgotten")
	if err := f.writeRequest(1, &verify{account: Account{Realm: "r", User: "u"}, code: code}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(f.bytes(), code) {
		t.Fatal("the code is not in its frame")
	}
	f.release()
	if f.room != [maxFrame]byte{} {
		t.Error("the frame still holds bytes")
	}
}

// What stays in the reader's room is the beginning of the next frame, and nothing else.
func TestWhatWasReadIsWiped(t *testing.T) {
	c := indebted()
	var answer frame
	if err := answer.writeResponse(1, &Issued{Code: Secret("K7QX-2MZA-WD4T-BN6E")}); err != nil {
		t.Fatal(err)
	}
	inbox := new(frame)
	inbox.length = copy(inbox.room[:], append(bytes.Clone(answer.bytes()), 5, 0))
	if taken, err := c.takeFrames(inbox); err != nil || !taken {
		t.Fatal(taken, err)
	}
	if inbox.length != 2 || inbox.room != [maxFrame]byte{5, 0} {
		t.Errorf("%d bytes are kept, or others are not wiped", inbox.length)
	}
}

func TestWipingLeavesZeros(t *testing.T) {
	codes := RecoveryCodes{Secret("one"), Secret("two")}
	codes.Wipe()
	enrollment := Enrollment{URI: Secret("uri"), QR: QR{size: 1, bits: Secret{0x80}}}
	enrollment.Wipe()
	for _, each := range append(codes, enrollment.URI, enrollment.QR.bits) {
		if len(each) == 0 || !bytes.Equal(each, make([]byte, len(each))) {
			t.Errorf("%d bytes are left", len(each))
		}
	}
}

func TestALongTextIsCutAtTheEndOfACharacter(t *testing.T) {
	for text, wanted := range map[string]string{
		"":                       "",
		"ab":                     "ab",
		"abcde":                  "abcd",
		"abcé":                   "abc",
		"ééé":                    "éé",
		"\xff":                   "\uFFFD",
		"a\xff\xff" + "bcd":      "a\uFFFD",
		strings.Repeat("🙂", 100): "🙂",
	} {
		if got := cut(text, 4); got != wanted {
			t.Errorf("%q: %q", text, got)
		}
	}
}
