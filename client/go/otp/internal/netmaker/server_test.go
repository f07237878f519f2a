// Package netmaker_test tries the module as Netmaker would use it: the program in server is compiled with a replace line,
// and talks with a live daemon.
package netmaker_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A server is that program, running.
type server struct {
	*daemon
	folder   string
	process  *exec.Cmd
	requests io.WriteCloser
	replies  *json.Decoder
	// What nobody may find in its database, nor in its log.
	secrets []string
}

type request = map[string]any

type reply struct {
	Code      int    `json:"code"`
	Message   string `json:"message"`
	URL       string `json:"otp_auth_url"`
	Signature string `json:"otp_auth_url_signature"`
	QRCode    []byte `json:"qr_code"`
}

type user struct {
	IsMFAEnabled bool   `json:"is_mfa_enabled"`
	TOTPSecret   string `json:"totp_secret"`
}

// run compiles and starts it, before a live daemon.
func run(t *testing.T) *server {
	t.Helper()
	s := &server{daemon: start(t), folder: t.TempDir()}
	s.compile()
	log, err := os.Create(s.file("log"))
	check(t, err)
	defer log.Close()
	s.process = exec.Command(s.file("netmaker"), s.file("netmaker.db"))
	s.process.Env = append(os.Environ(), "MFAD_SOCKET="+s.socket(), "MFAD_REALM=")
	s.process.Stderr = log
	s.requests, err = s.process.StdinPipe()
	check(t, err)
	replies, err := s.process.StdoutPipe()
	check(t, err)
	s.replies = json.NewDecoder(replies)
	check(t, s.process.Start())
	t.Cleanup(func() {
		// It ends with its requests.
		s.requests.Close()
		if err := s.process.Wait(); err != nil {
			t.Errorf("%v: %s", err, s.log())
		}
	})
	return s
}

func (s *server) file(name string) string { return filepath.Join(s.folder, name) }

// compile builds the program as a main module of its own, which says where the stand-in lies and is not changed otherwise.
func (s *server) compile() {
	s.Helper()
	module, err := filepath.Abs("../..")
	check(s.T, err)
	text, err := os.ReadFile("server/main.go")
	check(s.T, err)
	check(s.T, os.WriteFile(s.file("main.go"), text, 0o600))
	check(s.T, os.WriteFile(s.file("go.mod"), fmt.Appendf(nil, "module netmaker\n\ngo 1.25\n\n"+
		"require github.com/pquerna/otp v1.5.0\n\nreplace github.com/pquerna/otp => %s\n", module), 0o600))
	build := exec.Command("go", "build", "-o", "netmaker", ".")
	build.Dir = s.folder
	build.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOPROXY=off", "GOWORK=off")
	if said, err := build.CombinedOutput(); err != nil {
		s.Fatalf("%v: %s", err, said)
	}
}

func (s *server) log() string {
	text, _ := os.ReadFile(s.file("log"))
	return string(text)
}

// ask makes one request, and looks for secrets where none may be.
func (s *server) ask(route, name string, more request) reply {
	s.Helper()
	asked := request{"route": route, "user": name}
	for key, value := range more {
		asked[key] = value
	}
	check(s.T, json.NewEncoder(s.requests).Encode(asked))
	var reply reply
	if err := s.replies.Decode(&reply); err != nil {
		s.Fatalf("%v: %s", err, s.log())
	}
	s.holdsNoSecret()
	return reply
}

// expect makes one request that is answered like this.
func (s *server) expect(code int, message string, route, name string, more request) reply {
	s.Helper()
	reply := s.ask(route, name, more)
	if reply.Code != code || !strings.HasPrefix(reply.Message, message) {
		s.Fatalf("%s of %s is %d %q, not %d %q: %s", route, name, reply.Code, reply.Message, code, message, s.log())
	}
	return reply
}

func (s *server) holdsNoSecret() {
	s.Helper()
	database, _ := os.ReadFile(s.file("netmaker.db"))
	for _, secret := range s.secrets {
		if bytes.Contains(database, []byte(secret)) || strings.Contains(s.log(), secret) {
			s.Fatalf("a secret is in the database or in the log")
		}
	}
}

// users are those of its database.
func (s *server) users() map[string]user {
	s.Helper()
	users := map[string]user{}
	text, err := os.ReadFile(s.file("netmaker.db"))
	if os.IsNotExist(err) {
		return users
	}
	check(s.T, err)
	check(s.T, json.Unmarshal(text, &users))
	return users
}

// put changes a user behind the program's back.
func (s *server) put(name string, of user) {
	s.Helper()
	users := s.users()
	users[name] = of
	text, err := json.Marshal(users)
	check(s.T, err)
	check(s.T, os.WriteFile(s.file("netmaker.db"), text, 0o600))
}
