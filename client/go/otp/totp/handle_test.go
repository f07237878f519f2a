package totp_test

import (
	"bytes"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/internal/scripted"
	"github.com/pquerna/otp/totp"
)

// patience is longer than any answer takes here.
const patience = time.Minute

// A journal is what the program has logged.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// isOne says that there is one line, which begins with this after its time.
func (j *journal) isOne(t *testing.T, words string) {
	t.Helper()
	if said := j.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, words) {
		t.Errorf("the log says %s", said)
	}
}

// listen takes the log, from this level on.
func listen(t *testing.T, level slog.Level) *journal {
	t.Helper()
	before, heard := slog.Default(), new(journal)
	slog.SetDefault(slog.New(slog.NewTextHandler(heard, &slog.HandlerOptions{Level: level})))
	t.Cleanup(func() { slog.SetDefault(before) })
	return heard
}

func always(reply []byte) scripted.Answer {
	return func(scripted.Request) []byte { return reply }
}

func TestAHandleIsJudgedByMfad(t *testing.T) {
	server := scripted.Serve(t, func(request scripted.Request) []byte {
		if request.Call == scripted.Verify && request.Holds(scripted.Handle) && request.Holds("\x06123456") {
			return scripted.Accepted
		}
		return scripted.Denied
	})
	totp.AskAt(t, server.Path, patience)
	heard := listen(t, slog.LevelInfo)
	if !totp.Validate(" 123456\n", " "+scripted.Handle+"\n") {
		t.Error("a right code is refused")
	}
	if totp.Validate("654321", scripted.Handle) {
		t.Error("a wrong code is accepted")
	}
	right, err := totp.ValidateCustom("123456", scripted.Handle, time.Time{}, totp.ValidateOpts{
		Skew: 9, Digits: otp.DigitsEight, Algorithm: otp.AlgorithmSHA512,
	})
	if !right || err != nil {
		t.Errorf("what mfad decides by itself counts: %v", err)
	}
	if right, err := totp.ValidateCustom("654321", scripted.Handle, time.Now(), totp.ValidateOpts{}); right || err != nil {
		t.Errorf("a wrong code is %v, %v", right, err)
	}
	if len(server.Requests()) != 4 {
		t.Errorf("%d requests", len(server.Requests()))
	}
	if heard.String() != "" {
		t.Errorf("the log says %s", heard)
	}
}

func TestWhatIsNotForMfadIsNotSent(t *testing.T) {
	server := scripted.Serve(t, always(scripted.Accepted))
	totp.AskAt(t, server.Path, patience)
	for _, each := range []struct {
		code, secret string
		options      totp.ValidateOpts
		wanted       error
	}{
		{"123456", "mfad1:", totp.ValidateOpts{}, otp.ErrHandleInvalid},
		{"123456", scripted.Handle + "A", totp.ValidateOpts{}, otp.ErrHandleInvalid},
		{"123456", scripted.Handle[:37] + "=", totp.ValidateOpts{}, otp.ErrHandleInvalid},
		{"123456", scripted.Handle[:37] + "a", totp.ValidateOpts{}, otp.ErrHandleInvalid},
		{"123456", strings.ToUpper(scripted.Handle), totp.ValidateOpts{Digits: 6}, otp.ErrValidateSecretInvalidBase32},
		{"123456", "mfad2:" + scripted.Handle[6:], totp.ValidateOpts{Digits: 6}, otp.ErrValidateSecretInvalidBase32},
		{"", scripted.Handle, totp.ValidateOpts{}, otp.ErrValidateInputInvalidLength},
		{" \n", scripted.Handle, totp.ValidateOpts{}, otp.ErrValidateInputInvalidLength},
		{strings.Repeat("1", 65), scripted.Handle, totp.ValidateOpts{}, otp.ErrValidateInputInvalidLength},
		{"123456", scripted.Handle, totp.ValidateOpts{Period: 60}, otp.ErrOptionUnsupported},
		{"123456", scripted.Handle, totp.ValidateOpts{Encoder: otp.EncoderSteam}, otp.ErrOptionUnsupported},
	} {
		right, err := totp.ValidateCustom(each.code, each.secret, time.Now(), each.options)
		if right || !errors.Is(err, each.wanted) {
			t.Errorf("%q, %q, %+v: %v, %v", each.code, each.secret, each.options, right, err)
		}
		if each.options == (totp.ValidateOpts{}) && totp.Validate(each.code, each.secret) {
			t.Errorf("%q is accepted for %q", each.code, each.secret)
		}
	}
	if _, err := totp.GenerateCode(scripted.Handle, time.Now()); !errors.Is(err, otp.ErrValidateSecretInvalidBase32) {
		t.Errorf("the code of a handle: %v", err)
	}
	if requests := server.Requests(); len(requests) != 0 {
		t.Errorf("%d requests", len(requests))
	}
}

func TestTheLogTellsWhatWentWrong(t *testing.T) {
	for _, each := range []struct {
		reply  []byte
		kind   error
		logged string
	}{
		{scripted.Denied, nil, `level=DEBUG msg="mfad has denied`},
		{scripted.TryLater, otp.ErrThrottled, `level=WARN msg="mfad makes an account wait`},
		{scripted.NotPermitted, otp.ErrNotServed, `level=ERROR msg="mfad does not serve`},
		{scripted.Unsupported, otp.ErrNotServed, `level=ERROR msg="mfad does not serve`},
		// That answers another call, and these end too early or are unknown.
		{scripted.Done, otp.ErrNotServed, `level=ERROR msg="mfad does not serve`},
		{[]byte{5, 0, 10}, otp.ErrNotServed, `level=ERROR msg="mfad does not serve`},
		{[]byte{99}, otp.ErrNotServed, `level=ERROR msg="mfad does not serve`},
		{scripted.Unavailable, otp.ErrNoAnswer, `level=ERROR msg="mfad does not answer`},
	} {
		totp.AskAt(t, scripted.Serve(t, always(each.reply)).Path, patience)
		heard := listen(t, slog.LevelDebug)
		right, err := totp.ValidateCustom("192837", scripted.Handle, time.Now(), totp.ValidateOpts{})
		if right || !errors.Is(err, each.kind) {
			t.Errorf("%v: %v, %v", each.reply, right, err)
		}
		heard.isOne(t, each.logged)
		if said := heard.String(); !strings.Contains(said, scripted.Handle) || strings.Contains(said, "192837") {
			t.Errorf("%v: the log says %s", each.reply, said)
		}
		if totp.Validate("192837", scripted.Handle) {
			t.Errorf("%v is a yes", each.reply)
		}
	}
}

func TestNobodyListensIsANo(t *testing.T) {
	totp.AskAt(t, filepath.Join(t.TempDir(), "s"), 50*time.Millisecond)
	heard := listen(t, slog.LevelInfo)
	right, err := totp.ValidateCustom("192837", scripted.Handle, time.Now(), totp.ValidateOpts{})
	if right || !errors.Is(err, otp.ErrNoAnswer) {
		t.Errorf("%v, %v", right, err)
	}
	heard.isOne(t, `level=ERROR msg="mfad does not answer`)
	if _, err := totp.Generate(totp.GenerateOpts{Issuer: "Netmaker", AccountName: "alice"}); !errors.Is(err, otp.ErrNoAnswer) {
		t.Errorf("%v", err)
	}
}

func TestAServerThatSaysNothingIsANo(t *testing.T) {
	server := scripted.Serve(t, always(nil))
	totp.AskAt(t, server.Path, 50*time.Millisecond)
	heard := listen(t, slog.LevelInfo)
	right, err := totp.ValidateCustom("192837", scripted.Handle, time.Now(), totp.ValidateOpts{})
	if right || !errors.Is(err, otp.ErrNoAnswer) {
		t.Errorf("%v, %v", right, err)
	}
	heard.isOne(t, `level=ERROR msg="mfad does not answer`)
}

func TestManyShareOneConnection(t *testing.T) {
	server := scripted.Serve(t, always(scripted.Accepted))
	totp.AskAt(t, server.Path, patience)
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			if !totp.Validate("123456", scripted.Handle) {
				t.Error("a right code is refused")
			}
		})
	}
	group.Wait()
	if connections := server.Connections(); connections != 1 {
		t.Errorf("%d connections", connections)
	}
}
