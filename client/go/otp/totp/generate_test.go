package totp_test

import (
	"crypto/rand"
	"errors"
	"image"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/internal/scripted"
	"github.com/pquerna/otp/totp"
)

const (
	secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	uri    = "otpauth://totp/Netmaker:alice?secret=" + secret + "&issuer=Netmaker"
)

var alice = totp.GenerateOpts{Issuer: "Netmaker", AccountName: "alice"}

func TestAKeyIsMadeByMfad(t *testing.T) {
	server := scripted.Serve(t, always(scripted.Enrollment(uri)))
	totp.AskAt(t, server.Path, patience)
	heard := listen(t, slog.LevelDebug)
	key, err := totp.Generate(alice)
	if err != nil {
		t.Fatal(err)
	}
	requests := server.Requests()
	if len(requests) != 1 || requests[0].Call != scripted.Enroll || !requests[0].Holds("\x08netmaker\x05alice") ||
		!requests[0].Holds("\x01\x08Netmaker") {
		t.Fatalf("%q", requests)
	}
	wanted := "otpauth://totp/Netmaker:alice?algorithm=SHA1&digits=6&issuer=Netmaker&period=30&secret=" + secret +
		"&mfad=" + scripted.Handle
	if key.URL() != wanted || key.String() != wanted {
		t.Errorf("the URL is %s", key)
	}
	if key.Secret() != scripted.Handle || key.Type() != "totp" || key.Issuer() != "Netmaker" || key.AccountName() != "alice" ||
		key.Period() != 30 || key.Digits() != otp.DigitsSix || key.Algorithm() != otp.AlgorithmSHA1 ||
		key.Encoder() != otp.EncoderDefault {
		t.Errorf("%v", key)
	}
	again, err := otp.NewKeyFromURL(key.URL())
	if err != nil || again.Secret() != scripted.Handle || again.URL() != wanted {
		t.Errorf("%v, %v", again, err)
	}
	if heard.String() != "" {
		t.Errorf("the log says %s", heard)
	}
}

func TestAnAppReadsTheKeyOfAnyName(t *testing.T) {
	for _, each := range []struct{ issuer, account string }{
		{"A&B=C+D%E?F#G/H;I", "alice b+c&d=e?f#g%h;i,j@example.com"},
		{"\"Quoted\" <€>", "älice'()*!$~"},
	} {
		totp.AskAt(t, scripted.Serve(t, always(scripted.Enrollment(uri))).Path, patience)
		key, err := totp.Generate(totp.GenerateOpts{Issuer: each.issuer, AccountName: each.account})
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := url.Parse(key.URL())
		if err != nil || parsed.Path != "/"+each.issuer+":"+each.account {
			t.Fatalf("%s, %v", key, err)
		}
		query, err := url.ParseQuery(parsed.RawQuery)
		if err != nil || query.Get("issuer") != each.issuer || query.Get("secret") != secret || len(query) != 6 {
			t.Errorf("%v, %v", query, err)
		}
	}
}

func TestTheRealmSaysHowItsCodesAre(t *testing.T) {
	totp.AskAt(t, scripted.Serve(t, always(scripted.Enrollment(uri+"&algorithm=SHA256&digits=8"))).Path, patience)
	key, err := totp.Generate(alice)
	if err != nil || key.Digits() != otp.DigitsEight || key.Algorithm() != otp.AlgorithmSHA256 {
		t.Fatalf("%v, %v", key, err)
	}
	for _, options := range []totp.GenerateOpts{{Digits: 6}, {Algorithm: otp.AlgorithmSHA512}} {
		options.Issuer, options.AccountName = alice.Issuer, alice.AccountName
		if key, err := totp.Generate(options); key != nil || !errors.Is(err, otp.ErrOptionUnsupported) {
			t.Errorf("%v, %v", key, err)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("the key is in the error: %v", err)
		}
	}
	options := totp.GenerateOpts{Issuer: "Netmaker", AccountName: "alice", Digits: 8, Algorithm: otp.AlgorithmSHA256,
		Period: 30, SecretSize: 20}
	if _, err := totp.Generate(options); err != nil {
		t.Error(err)
	}
}

func TestAKeyThatMfadWouldNotMakeIsNotAskedFor(t *testing.T) {
	server := scripted.Serve(t, always(scripted.Enrollment(uri)))
	totp.AskAt(t, server.Path, patience)
	unsupported := otp.ErrOptionUnsupported
	for what, each := range map[string]struct {
		change func(*totp.GenerateOpts)
		wanted error
	}{
		"no issuer":                 {func(o *totp.GenerateOpts) { o.Issuer = "" }, otp.ErrGenerateMissingIssuer},
		"no account":                {func(o *totp.GenerateOpts) { o.AccountName = "" }, otp.ErrGenerateMissingAccountName},
		"neither":                   {func(o *totp.GenerateOpts) { *o = totp.GenerateOpts{} }, otp.ErrGenerateMissingIssuer},
		"a secret":                  {func(o *totp.GenerateOpts) { o.Secret = []byte("12345678901234567890") }, unsupported},
		"a source of secrets":       {func(o *totp.GenerateOpts) { o.Rand = rand.Reader }, unsupported},
		"a short secret":            {func(o *totp.GenerateOpts) { o.SecretSize = 10 }, unsupported},
		"a minute":                  {func(o *totp.GenerateOpts) { o.Period = 60 }, unsupported},
		"five digits":               {func(o *totp.GenerateOpts) { o.Digits = 5 }, unsupported},
		"less than no digits":       {func(o *totp.GenerateOpts) { o.Digits = -1 }, unsupported},
		"nine digits":               {func(o *totp.GenerateOpts) { o.Digits = 9 }, unsupported},
		"MD5":                       {func(o *totp.GenerateOpts) { o.Algorithm = otp.AlgorithmMD5 }, unsupported},
		"an unknown hash":           {func(o *totp.GenerateOpts) { o.Algorithm = -1 }, unsupported},
		"an account with a colon":   {func(o *totp.GenerateOpts) { o.AccountName = "a:b" }, unsupported},
		"an account with a slash":   {func(o *totp.GenerateOpts) { o.AccountName = "a/b" }, unsupported},
		"an account without UTF-8":  {func(o *totp.GenerateOpts) { o.AccountName = "\xff" }, unsupported},
		"a long account":            {func(o *totp.GenerateOpts) { o.AccountName = strings.Repeat("a", 256) }, unsupported},
		"an issuer with a colon":    {func(o *totp.GenerateOpts) { o.Issuer = "a:b" }, unsupported},
		"a long issuer":             {func(o *totp.GenerateOpts) { o.Issuer = strings.Repeat("a", 65) }, unsupported},
		"an issuer with a new line": {func(o *totp.GenerateOpts) { o.Issuer = "a\nb" }, unsupported},
	} {
		options := alice
		each.change(&options)
		if key, err := totp.Generate(options); key != nil || !errors.Is(err, each.wanted) {
			t.Errorf("%s: %v, %v", what, key, err)
		}
	}
	if requests := server.Requests(); len(requests) != 0 {
		t.Errorf("%d requests", len(requests))
	}
}

func TestNoKeyIsMadeWithoutAnAnswer(t *testing.T) {
	for _, each := range []struct {
		reply  []byte
		wanted error
	}{
		{scripted.Denied, otp.ErrDenied},
		{scripted.TryLater, otp.ErrThrottled},
		{scripted.NotPermitted, otp.ErrNotServed},
		{scripted.Unavailable, otp.ErrNoAnswer},
		{scripted.Accepted, otp.ErrNotServed},
		{scripted.Enrollment("otpauth://totp/%zz?secret=" + secret), otp.ErrNotServed},
		{scripted.Enrollment("otpauth://totp/Netmaker:alice"), otp.ErrNotServed},
	} {
		totp.AskAt(t, scripted.Serve(t, always(each.reply)).Path, patience)
		heard := listen(t, slog.LevelDebug)
		key, err := totp.Generate(alice)
		if key != nil || !errors.Is(err, each.wanted) {
			t.Errorf("%q: %v, %v", each.reply, key, err)
		}
		if strings.Contains(heard.String()+err.Error(), secret) {
			t.Errorf("the key is in the log or in the error: %v", err)
		}
	}
}

func TestTheImageIsTheCodeThatMfadDrew(t *testing.T) {
	totp.AskAt(t, scripted.Serve(t, always(scripted.Enrollment(uri))).Path, patience)
	key, err := totp.Generate(alice)
	if err != nil {
		t.Fatal(err)
	}
	// 21 modules and four on each side: six pixels a module, and the rest around.
	picture, err := key.Image(200, 190)
	if err != nil {
		t.Fatal(err)
	}
	if picture.Bounds() != image.Rect(0, 0, 200, 190) {
		t.Fatalf("%v", picture.Bounds())
	}
	const scale, left, top = 6, 37, 32
	for y := range 190 {
		for x := range 200 {
			row, column := (y-top)/scale, (x-left)/scale
			inside := x >= left && y >= top && row < scripted.Side && column < scripted.Side
			var shade uint32 = 0xffff
			if inside && row == column {
				shade = 0
			}
			if r, g, b, a := picture.At(x, y).RGBA(); r != shade || g != shade || b != shade || a != 0xffff {
				t.Fatalf("(%d, %d) is %x", x, y, r)
			}
		}
	}
	for _, size := range [][2]int{{28, 200}, {200, 28}, {0, 0}, {-1, -1}, {29, 1 << 40}} {
		if picture, err := key.Image(size[0], size[1]); picture != nil || err == nil {
			t.Errorf("an image of %v", size)
		}
	}
	if _, err := key.Image(29, 29); err != nil {
		t.Error(err)
	}
}
