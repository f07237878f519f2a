package mfad_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
)

// An app makes the codes of one key as an authenticator app does (RFC 6238): SHA-1, 6 digits, steps of 30 s.
type app struct{ key []byte }

const step = 30

// scan reads an otpauth URI.
func scan(f failer, uri []byte) app {
	f.Helper()
	parsed, err := url.Parse(string(uri))
	if err != nil || parsed.Scheme != "otpauth" || parsed.Host != "totp" {
		f.Fatalf("not the URI of an enrolment: %v", err)
	}
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(parsed.Query().Get("secret"))
	if err != nil || len(key) != 20 {
		f.Fatalf("a key of %d bytes: %v", len(key), err)
	}
	return app{key}
}

// code is the code at this moment, in Unix seconds.
func (a app) code(unix int64) []byte {
	mac := hmac.New(sha1.New, a.key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(unix/step)))
	sum := mac.Sum(nil)
	number := binary.BigEndian.Uint32(sum[sum[19]&15:]) & 0x7fffffff
	return fmt.Appendf(nil, "%06d", number%1_000_000)
}

// wrong is a code of no step near this moment.
func (a app) wrong(unix int64) []byte {
	near := map[string]bool{}
	for distance := int64(-20); distance <= 20; distance++ {
		near[string(a.code(unix+distance*step))] = true
	}
	for number := 0; ; number++ {
		if code := fmt.Appendf(nil, "%06d", number); !near[string(code)] {
			return code
		}
	}
}
