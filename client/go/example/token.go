package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// A purpose is what a token is good for, and it is good for nothing else.
type purpose string

const (
	// full: everything that its user may do.
	full purpose = "netmaker"
	// preAuth: the password was right; verify-totp alone.
	preAuth purpose = "auth:mfa"
	// setUp: the password was right, and a second factor is enforced; init-totp and complete-totp alone.
	setUp purpose = "auth:mfa-setup"
	// enrolment: it names what complete-totp confirms.
	enrolment purpose = "auth:mfa-enrollment"
)

var lifetimes = map[purpose]time.Duration{
	full: 12 * time.Hour, preAuth: 5 * time.Minute, setUp: 10 * time.Minute, enrolment: 10 * time.Minute,
}

// A token says who may do what, until when.
type token struct {
	User    string  `json:"sub"`
	Purpose purpose `json:"aud"`
	Expires int64   `json:"exp"`
	// ID is another one in every token; of an enrolment it is mfad's.
	ID string `json:"jti"`
	// Generation is the user's. The token ends with it.
	Generation string `json:"gen"`
}

// A signer makes tokens and knows its own. Its key is in no database, and ends with the process.
type signer struct{ key []byte }

func newSigner() signer {
	key := make([]byte, sha256.Size)
	rand.Read(key)
	return signer{key}
}

func (s signer) issue(user user, purpose purpose) string {
	return s.issueAs(user, purpose, rand.Text())
}

// issueAs makes a token with an id of the caller's.
func (s signer) issueAs(user user, purpose purpose, id string) string {
	expires := time.Now().Add(lifetimes[purpose]).Unix()
	return s.sign(token{user.name, purpose, expires, id, user.generation})
}

func (s signer) sign(token token) string {
	claims, _ := json.Marshal(token)
	text := base64.RawURLEncoding.EncodeToString(claims)
	return text + "." + base64.RawURLEncoding.EncodeToString(s.mac(text))
}

// believes reads a token of one of these purposes that has not expired.
func (s signer) believes(text string, purposes ...purpose) (token, bool) {
	var token token
	claims, mac, _ := strings.Cut(text, ".")
	given, err := base64.RawURLEncoding.DecodeString(mac)
	if err != nil || !hmac.Equal(given, s.mac(claims)) {
		return token, false
	}
	decoded, err := base64.RawURLEncoding.DecodeString(claims)
	if err != nil || json.Unmarshal(decoded, &token) != nil {
		return token, false
	}
	return token, slices.Contains(purposes, token.Purpose) && time.Now().Unix() < token.Expires
}

func (s signer) mac(text string) []byte {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
