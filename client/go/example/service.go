package main

import (
	"encoding/json"
	"net"
	"net/http"
	"strings"

	"mfad"
)

// A service answers Netmaker's routes of users.
type service struct {
	realm string
	users *users
	signer
	// On the realm's socket: logins, and nothing else.
	login *mfad.Client
	// Nil where this process may not administer.
	admin *mfad.Client
}

func newService(realm string, login, admin *mfad.Client) *service {
	return &service{realm, &users{byName: map[string]user{}, rounds: rounds}, newSigner(), login, admin}
}

func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	open := func(pattern string, handler func(*http.Request) answer) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { handler(r).write(w) })
	}
	route := func(pattern string, handler handler, purposes ...purpose) {
		open(pattern, func(r *http.Request) answer { return s.admit(r, handler, purposes) })
	}
	open("POST /api/users/adm/createsuperadmin", s.createSuperAdmin)
	open("POST /api/users/adm/authenticate", s.authenticate)
	route("POST /api/users/{username}/auth/verify-totp", own(s.verifyTOTP), preAuth)
	route("POST /api/users/{username}/validate-identity", own(s.validateIdentity), full)
	route("POST /api/users/{username}/auth/init-totp", own(s.initTOTP), full, setUp)
	route("POST /api/users/{username}/auth/complete-totp", own(s.completeTOTP), full, setUp)
	route("POST /api/users/{username}/auth/reset-totp", own(s.resetTOTP), full)
	route("GET /api/users/{username}", own(s.getUser), full)
	route("POST /api/users/{username}", s.createUser, full)
	route("PUT /api/users/{username}", s.updateUser, full)
	route("GET /api/server/settings", s.getSettings, full)
	route("PUT /api/server/settings", s.updateSettings, full)
	return mux
}

// A bearer is who asks: a user, by a token.
type bearer struct {
	user
	token token
}

type handler func(*http.Request, bearer) answer

// admit lets nobody in whose token is for something else, or older than the last change of the user's factor.
func (s *service) admit(r *http.Request, handler handler, purposes []purpose) answer {
	text, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	token, good := s.believes(text, purposes...)
	user, there := s.users.find(token.User)
	if !good || !there || user.generation != token.Generation {
		return unauthorized
	}
	return handler(r, bearer{user, token})
}

// own lets users act on themselves alone.
func own(handler handler) handler {
	return func(r *http.Request, who bearer) answer {
		if r.PathValue("username") != who.name {
			return forbidden
		}
		return handler(r, who)
	}
}

func (s *service) account(user user) mfad.Account {
	return mfad.Account{Realm: s.realm, User: user.name}
}

// origin is where a request comes from, for mfad's log. Behind a proxy only the proxy can say.
func origin(r *http.Request) mfad.Origin {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return mfad.Origin{Service: "netmaker", RemoteHost: host}
}

// read reads what was typed, and no more than a person types. encoding/json makes strings of it, which Go cannot wipe.
func read(r *http.Request, into any) error {
	return json.NewDecoder(http.MaxBytesReader(nil, r.Body, 64<<10)).Decode(into)
}
