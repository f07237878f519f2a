package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pquerna/otp/internal/scripted"
	"github.com/pquerna/otp/totp"
)

//go:embed recorded.json
var recorded []byte

// The answers that are others on purpose. Where the other module panics, any answer will do that is none of a panic.
var others = map[string]struct{ answer, reason string }{
	`NewKeyFromURL("otpauth://totp/%zz?secret=` + key20 + `")`: {cannotBeRead, withoutURL},
	`NewKeyFromURL(":")`:    {cannotBeRead, withoutURL},
	`NewKeyFromURL("\x00")`: {cannotBeRead, withoutURL},
	`NewKeyFromURL("%")`:    {cannotBeRead, withoutURL},
	`Generate("A&B=C+D%E?F#G/H;I", "alice")`: {`["otpauth://totp/A&B=C+D%25E%3FF%23G/H;I:alice?algorithm=SHA1&digits=6&issuer=` +
		`A%26B=C%2BD%25E%3FF%23G%2FH%3BI&period=30&secret=` + key20 + `"]`, "an app would read another issuer"},
	`GenerateCode("", 59)`:                              {noKey, emptyKey},
	`GenerateCode("  ", 59)`:                            {noKey, emptyKey},
	`GenerateCode("\n", 59)`:                            {noKey, emptyKey},
	`ValidateCustom("287082", "", 59, {30 1 6 0 ""})`:   {noSuchKey, emptyKey},
	`ValidateCustom("287082", "  ", 59, {30 1 6 0 ""})`: {noSuchKey, emptyKey},
	`ValidateCustom("287082", "\n", 59, {30 1 6 0 ""})`: {noSuchKey, emptyKey},

	`GenerateCodeCustom("` + key20 + `", 59, {0 0 0 0 "other"})`: {
		`["","otp: an option is not supported","another"]`, "an unknown encoder makes no code"},
	`ValidateCustom("", "` + key20 + `", 59, {0 0 0 0 ""})`:      {noCode, "nothing is no code"},
	`ValidateCustom("", "` + key20 + `", 59, {0 0 0 0 "steam"})`: {noCode, "nothing is no code"},
	`ValidateCustom("", "` + key20 + `", 59, {0 0 0 0 "other"})`: {noCode, "nothing is no code"},
}

const (
	cannotBeRead = `[true,"otp: the URL of a key cannot be read"]`
	withoutURL   = "the URL may hold a key"
	emptyKey     = "the codes of an empty key are known to everybody"
	noCode       = `[false,"Input length unexpected","ErrValidateInputInvalidLength"]`
	noKey        = `["","Decoding of secret as base32 failed.","ErrValidateSecretInvalidBase32"]`
	noSuchKey    = `[false,"Decoding of secret as base32 failed.","ErrValidateSecretInvalidBase32"]`
)

func TestTheAnswersAreThoseOfTheOtherModule(t *testing.T) {
	var here bytes.Buffer
	if err := write(&here, ask(generateAt(t))); err != nil {
		t.Fatal(err)
	}
	ours, theirs := lines(here.Bytes()), lines(recorded)
	if len(ours) != len(theirs) {
		t.Fatalf("%d answers, and %d are recorded: run compare --record", len(ours), len(theirs))
	}
	left := len(others)
	for place := range ours {
		our, their := read(t, ours[place]), read(t, theirs[place])
		if our.Question != their.Question {
			t.Fatalf("%s is not what was asked then: run compare --record", our.Question)
		}
		if string(their.Answer) == `"panic"` {
			if string(our.Answer) == `"panic"` {
				t.Errorf("%s panics", our.Question)
			}
			continue
		}
		other, is := others[our.Question]
		if !is {
			if string(our.Answer) != string(their.Answer) {
				t.Errorf("%s is %s, and was %s", our.Question, our.Answer, their.Answer)
			}
			continue
		}
		left--
		if string(our.Answer) != other.answer || string(our.Answer) == string(their.Answer) {
			t.Errorf("%s is %s, and was %s, though %s", our.Question, our.Answer, their.Answer, other.reason)
		}
	}
	if left != 0 {
		t.Errorf("%d of the other answers belong to no question", left)
	}
}

// socket leads to the server of a test. The module reads its path once in a process.
var socket string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "mfad-otp-")
	if err != nil {
		panic(err)
	}
	socket = filepath.Join(folder, "s")
	os.Setenv("MFAD_SOCKET", socket)
	status := m.Run()
	os.RemoveAll(folder)
	os.Exit(status)
}

type line struct {
	Question string
	Answer   json.RawMessage
}

func lines(text []byte) [][]byte { return bytes.Split(bytes.TrimSpace(text), []byte("\n")) }

func read(t *testing.T, text []byte) line {
	var line line
	if err := json.Unmarshal(text, &line); err != nil {
		t.Fatal(err)
	}
	return line
}

// generateAt makes keys at a server that gives the one that the question names. The handle, which the other module does not
// know, is cut off.
func generateAt(t *testing.T) generate {
	server := scripted.Serve(t, func(scripted.Request) []byte {
		return scripted.Enrollment("otpauth://totp/a:b?secret=" + key20)
	})
	os.Remove(socket)
	if err := os.Symlink(server.Path, socket); err != nil {
		t.Fatal(err)
	}
	return func(issuer, account string, _ []byte) (string, error) {
		key, err := totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: account})
		if err != nil {
			return "", err
		}
		url, found := strings.CutSuffix(key.URL(), "&mfad="+scripted.Handle)
		if !found || key.Secret() != scripted.Handle {
			t.Errorf("no handle in %s", key)
		}
		return url, nil
	}
}
