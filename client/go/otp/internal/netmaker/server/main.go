// Server makes the calls of the Netmaker server in their order, with its messages and status codes, and without the rest of
// it: no HTTP, no passwords, no tokens. It was written for github.com/pquerna/otp, and knows nothing of mfad. The tests
// beside it compile it with a replace line in the go.mod, as one would Netmaker.
//
// It reads requests, one JSON object a line, and prints an answer for each. Its argument is the file of its users.
package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image/png"
	"net/http"
	"os"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

// A request asks for one of the server's routes.
type request struct {
	Route     string `json:"route"`
	User      string `json:"user"`
	Totp      string `json:"totp"`
	URL       string `json:"otp_auth_url"`
	Signature string `json:"otp_auth_url_signature"`
	// StoreFails lets the database refuse what this request writes.
	StoreFails bool `json:"store_fails"`
}

// A reply is the body of an answer.
type reply struct {
	Code      int    `json:"code"`
	Message   string `json:"message"`
	URL       string `json:"otp_auth_url,omitempty"`
	Signature string `json:"otp_auth_url_signature,omitempty"`
	QRCode    []byte `json:"qr_code,omitempty"`
}

// A user is what the database holds of one.
type user struct {
	IsMFAEnabled bool   `json:"is_mfa_enabled"`
	TOTPSecret   string `json:"totp_secret"`
}

type server struct {
	file string
	key  []byte
}

func main() {
	s := server{file: os.Args[1], key: make([]byte, 32)}
	rand.Read(s.key)
	requests, replies := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var request request
		if err := requests.Decode(&request); err != nil {
			return
		}
		if err := replies.Encode(s.answer(&request)); err != nil {
			return
		}
	}
}

func (s *server) answer(r *request) reply {
	switch r.Route {
	case "authenticate":
		return s.authenticate(r)
	case "init-totp":
		return s.initiate(r)
	case "complete-totp":
		return s.complete(r)
	case "verify-totp":
		return s.verify(r)
	case "disable":
		return s.disable(r)
	default:
		return fail(http.StatusNotFound, "there is no such route")
	}
}

// authenticate is called with a right password.
func (s *server) authenticate(r *request) reply {
	if s.users()[r.User].IsMFAEnabled {
		return reply{Code: http.StatusOK, Message: "W1R3: TOTP required"}
	}
	return reply{Code: http.StatusOK, Message: "W1R3: Device " + r.User + " Authorized"}
}

func (s *server) initiate(r *request) reply {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "Netmaker", AccountName: r.User})
	if err != nil {
		return fail(http.StatusInternalServerError, "failed to generate totp key: %v", err)
	}
	picture, err := key.Image(200, 200)
	if err != nil {
		return fail(http.StatusInternalServerError, "failed to generate totp key: %v", err)
	}
	var code bytes.Buffer
	if err := png.Encode(&code, picture); err != nil {
		return fail(http.StatusInternalServerError, "failed to generate totp key: %v", err)
	}
	return reply{
		Code: http.StatusOK, Message: "totp setup initiated",
		URL: key.URL(), Signature: s.sign(key.URL()), QRCode: code.Bytes(),
	}
}

func (s *server) complete(r *request) reply {
	if !hmac.Equal([]byte(s.sign(r.URL)), []byte(r.Signature)) {
		return fail(http.StatusBadRequest, "otp auth url signature mismatch")
	}
	key, err := otp.NewKeyFromURL(r.URL)
	if err != nil {
		return fail(http.StatusBadRequest, "error parsing otp auth url: %v", err)
	}
	secret := key.Secret()
	if !totp.Validate(r.Totp, secret) {
		return fail(http.StatusBadRequest, "cannot setup totp for user %s: invalid otp", r.User)
	}
	if err := s.upsert(r, user{IsMFAEnabled: true, TOTPSecret: secret}); err != nil {
		return fail(http.StatusInternalServerError, "error upserting user: %v", err)
	}
	return reply{Code: http.StatusOK, Message: "totp setup complete for user " + r.User}
}

func (s *server) verify(r *request) reply {
	user := s.users()[r.User]
	if !user.IsMFAEnabled {
		return fail(http.StatusBadRequest, "mfa is disabled for user(%s), cannot process totp verification", r.User)
	}
	if !totp.Validate(r.Totp, user.TOTPSecret) {
		return fail(http.StatusUnauthorized, "invalid otp")
	}
	return reply{Code: http.StatusOK, Message: "W1R3: User " + r.User + " Authorized"}
}

// disable is a PUT of the user's record by an administrator.
func (s *server) disable(r *request) reply {
	if err := s.upsert(r, user{}); err != nil {
		return fail(http.StatusInternalServerError, "error upserting user: %v", err)
	}
	return reply{Code: http.StatusOK, Message: r.User + " was updated"}
}

func fail(code int, format string, arguments ...any) reply {
	return reply{Code: code, Message: fmt.Sprintf(format, arguments...)}
}

func (s *server) sign(url string) string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(url))
	return hex.EncodeToString(mac.Sum(nil))
}

// users are those in the database. A file that cannot be read has none.
func (s *server) users() map[string]user {
	users := map[string]user{}
	if text, err := os.ReadFile(s.file); err == nil {
		// What is no JSON leaves nobody.
		_ = json.Unmarshal(text, &users)
	}
	return users
}

func (s *server) upsert(r *request, user user) error {
	if r.StoreFails {
		return fmt.Errorf("database is locked")
	}
	users := s.users()
	users[r.User] = user
	text, err := json.Marshal(users)
	if err != nil {
		return err
	}
	return os.WriteFile(s.file, text, 0o600)
}
