package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mfad"
	"mfad/internal/livedaemon"
)

const configuration = `
[realm.netmaker]
issuer = "Netmaker"
`

// A site is the service before a live daemon, by HTTP.
type site struct {
	*livedaemon.Daemon
	*testing.T
	service *service
	url     string
	client  *http.Client
}

// open opens a site that may administer, as root and the daemon's own uid may on a socket that was made by hand.
func open(t *testing.T) *site {
	t.Helper()
	d := livedaemon.Start(t, configuration)
	return before(t, d, d.Socket(), d.Socket(), mfad.Options{Deadline: time.Minute, Patience: -1})
}

// before opens a site before a daemon. Without a path it may not administer.
func before(t *testing.T, d *livedaemon.Daemon, login, administration string, options mfad.Options) *site {
	t.Helper()
	dial := func(path string) *mfad.Client {
		client, err := mfad.New(path, options)
		livedaemon.Check(t, err)
		t.Cleanup(func() { client.Close() })
		return client
	}
	var admin *mfad.Client
	if administration != "" {
		admin = dial(administration)
	}
	service := newService("netmaker", dial(login), admin)
	service.users.rounds = 1
	server := httptest.NewServer(service.routes())
	t.Cleanup(server.Close)
	// Whoever hangs fails.
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}, Timeout: 2 * time.Minute}
	t.Cleanup(client.CloseIdleConnections)
	return &site{d, t, service, server.URL, client}
}

// A reply is what came back.
type reply struct {
	status int
	header http.Header
	body   string
	// Of the envelope, and of a user without it.
	Code     int
	Message  string
	Response map[string]any
	Enabled  bool `json:"is_mfa_enabled"`
}

func (r reply) text(name string) string {
	text, _ := r.Response[name].(string)
	return text
}

// object is a body.
type object map[string]any

// try asks, from any goroutine.
func (s *site) try(method, path, token string, body any) (reply, error) {
	text, is := body.(string)
	if !is {
		encoded, err := json.Marshal(body)
		if err != nil {
			return reply{}, err
		}
		text = string(encoded)
	}
	request, err := http.NewRequest(method, s.url+path, strings.NewReader(text))
	if err != nil {
		return reply{}, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		return reply{}, err
	}
	got := reply{status: response.StatusCode, header: response.Header, body: string(read)}
	return got, json.Unmarshal(read, &got)
}

// asks asks, and wants this status and, where it says so, these words.
func (s *site) asks(method, path, token string, body any, status int, words string) reply {
	s.T.Helper()
	got, err := s.try(method, path, token, body)
	livedaemon.Check(s.T, err)
	if got.status != status || words != "" && got.Message != words {
		s.T.Fatalf("%s %s: %d %q, want %d %q", method, path, got.status, got.Message, status, words)
	}
	// A user stands alone.
	if got.Code != status && !(got.Code == 0 && strings.HasPrefix(got.body, `{"username":`)) {
		s.T.Fatalf("%s %s: code %d with status %d", method, path, got.Code, status)
	}
	return got
}

// A person has a password, a token, and later an app.
type person struct {
	*site
	name, token string
	app         livedaemon.App
	spares      []string
}

const password = "correct horse"

// arrives makes a user with a full token.
func (s *site) arrives(name, role string) *person {
	s.T.Helper()
	added, err := s.service.users.add(name, role, password)
	livedaemon.Check(s.T, err)
	return &person{site: s, name: name, token: s.service.issue(added, full)}
}

func (p *person) path(route string) string { return "/api/users/" + p.name + route }

func (p *person) posts(route, token string, body any, status int, words string) reply {
	p.T.Helper()
	return p.asks("POST", p.path(route), token, body, status, words)
}

// authenticates gives the password.
func (p *person) authenticates(status int, words string) reply {
	p.T.Helper()
	return p.asks("POST", "/api/users/adm/authenticate", "", object{"username": p.name, "password": password}, status, words)
}

// begins gives the password, and returns the token that comes for it.
func (p *person) begins(words string) string {
	p.T.Helper()
	got := p.authenticates(200, words)
	return got.text("pre_auth_token") + got.text("AuthToken")
}

// begun gives the password, where a code is asked for.
func (p *person) begun() string {
	p.T.Helper()
	return p.begins("W1R3: TOTP required")
}

// scans takes what is on the screen, and gives its first code.
func (p *person) scans(shown reply, token string) {
	p.T.Helper()
	p.app = livedaemon.Scan(p.T, []byte(shown.text("otp_auth_url")))
	got := p.posts("/auth/complete-totp", token, completes(shown, p.code(0)), 200, "totp setup complete for user "+p.name)
	p.token = got.text("AuthToken")
	p.spares = nil
	for _, spare := range got.Response["recovery_codes"].([]any) {
		p.spares = append(p.spares, spare.(string))
	}
}

// completes is the body that gives back what was shown.
func completes(shown reply, code string) object {
	url, signature := shown.text("otp_auth_url"), shown.text("otp_auth_url_signature")
	return object{"otp_auth_url": url, "otp_auth_url_signature": signature, "totp": code}
}

// enrols goes through set-up with a full token.
func (p *person) enrols() {
	p.T.Helper()
	p.proves()
	p.scans(p.posts("/auth/init-totp", p.token, "", 200, "totp setup initiated"), p.token)
}

// code is what the app shows so many steps from now.
func (p *person) code(steps int64) string {
	return string(p.app.Code(p.Unix() + steps*livedaemon.Step))
}

// wrong is a code that no app shows.
func (p *person) wrong() string { return string(p.app.Wrong(p.Unix())) }

// proves gives the password for a set-up.
func (p *person) proves() {
	p.T.Helper()
	p.posts("/validate-identity", p.token, object{"password": password}, 200, "user identity validated")
}

// resets gives password and code.
func (p *person) resets(password, code string, status int, words string) reply {
	p.T.Helper()
	return p.posts("/auth/reset-totp", p.token, object{"password": password, "totp": code}, status, words)
}

// updates changes the record of somebody.
func (p *person) updates(other *person, body object, status int, words string) reply {
	p.T.Helper()
	return p.asks("PUT", other.path(""), p.token, body, status, words)
}

// off is the record that disables.
func off(name string) object { return object{"username": name, "is_mfa_enabled": false} }

// verifies gives a code.
func (p *person) verifies(token, code string, status int, words string) reply {
	p.T.Helper()
	return p.posts("/auth/verify-totp", token, object{"totp": code}, status, words)
}

// enters logs in with a code.
func (p *person) enters(code string) reply {
	p.T.Helper()
	got := p.verifies(p.begun(), code, 200, fmt.Sprintf("W1R3: User %s Authorized", p.name))
	p.token = got.text("AuthToken")
	return got
}

// has says whether there is a factor, as the service does.
func (p *person) has(factor bool) {
	p.T.Helper()
	if got := p.asks("GET", p.path(""), p.token, "", 200, ""); got.Enabled != factor {
		p.T.Fatalf("is_mfa_enabled is %v: %s", got.Enabled, got.body)
	}
}

// enforces sets mfa_enforced.
func (p *person) enforces(enforced bool) {
	p.T.Helper()
	got := p.asks("PUT", "/api/server/settings", p.token, object{"mfa_enforced": enforced}, 200, "")
	again := p.asks("GET", "/api/server/settings", p.token, "", 200, "")
	if got.Response["mfa_enforced"] != enforced || again.Response["mfa_enforced"] != enforced {
		p.T.Fatalf("%s, %s", got.body, again.body)
	}
}
