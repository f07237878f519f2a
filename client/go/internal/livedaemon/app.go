package livedaemon

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
)

// An App makes the codes of one key as an authenticator app does (RFC 6238): SHA-1, 6 digits, steps of 30 s.
type App struct{ key []byte }

// Scan reads an otpauth URI.
func Scan(f Failer, uri []byte) App {
	f.Helper()
	parsed, err := url.Parse(string(uri))
	if err != nil || parsed.Scheme != "otpauth" || parsed.Host != "totp" {
		f.Fatalf("not the URI of an enrolment: %v", err)
	}
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(parsed.Query().Get("secret"))
	if err != nil || len(key) != 20 {
		f.Fatalf("a key of %d bytes: %v", len(key), err)
	}
	return App{key}
}

// Code is the code at this moment, in Unix seconds.
func (a App) Code(unix int64) []byte {
	mac := hmac.New(sha1.New, a.key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(unix/Step)))
	sum := mac.Sum(nil)
	number := binary.BigEndian.Uint32(sum[sum[19]&15:]) & 0x7fffffff
	return fmt.Appendf(nil, "%06d", number%1_000_000)
}

// Wrong is a code of no step near this moment.
func (a App) Wrong(unix int64) []byte {
	near := map[string]bool{}
	for distance := int64(-20); distance <= 20; distance++ {
		near[string(a.Code(unix+distance*Step))] = true
	}
	for number := 0; ; number++ {
		if code := fmt.Appendf(nil, "%06d", number); !near[string(code)] {
			return code
		}
	}
}
