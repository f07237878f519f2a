package main

import (
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"mfad"
	"mfad/internal/livedaemon"
)

func TestADaemonThatIsDownLetsNobodyIn(t *testing.T) {
	s := open(t)
	root, alice, bob := s.arrives("root1", superAdmin), s.arrives("alice", ""), s.arrives("bobby", "")
	alice.enrols()
	token := alice.begun()
	bob.proves()
	shown := bob.posts("/auth/init-totp", bob.token, "", 200, "")
	bob.proves()
	s.Kill()
	const down = "mfa cannot be checked now: try again with a new code"
	for _, each := range []*person{root, alice, bob} {
		each.authenticates(503, down)
		s.asks("GET", each.path(""), each.token, "", 503, down)
	}
	alice.verifies(token, alice.code(1), 503, down)
	alice.resets(password, alice.code(1), 503, down)
	bob.posts("/auth/init-totp", bob.token, "", 503, down)
	code := livedaemon.Scan(t, []byte(shown.text("otp_auth_url"))).Code(s.Unix())
	bob.posts("/auth/complete-totp", bob.token, completes(shown, string(code)), 503, down)
	root.updates(alice, off("alice"), 503, down)
	root.asks("GET", "/api/server/settings", root.token, "", 503, down)
	root.asks("PUT", "/api/server/settings", root.token, object{"mfa_enforced": false}, 503, down)
	// It comes back, and nothing was lost or used up.
	s.Spawn()
	alice.verifies(token, alice.code(1), 200, "")
	bob.scans(shown, bob.token)
}

const (
	people   = 200
	restarts = 6
)

// A tally is what became of the codes of one round.
type tally struct {
	answers                atomic.Int64
	accepted, unanswerable [people]atomic.Int32
}

// Each logs in until the code is refused: it must be accepted once at most, and where it never was, an answer must have been
// 503.
func TestTwoHundredLoginsGoOnWhileTheDaemonIsRestarted(t *testing.T) {
	// Every 503 is a line.
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.DiscardHandler))
	d := livedaemon.Start(t, configuration)
	s := before(t, d, d.Socket(), d.Socket(), mfad.Options{})
	var everybody [people]*person
	for number := range people {
		everybody[number] = s.arrives("user"+strconv.Itoa(number), "")
		everybody[number].enrols()
	}
	for round := range restarts {
		s.Forward(livedaemon.Step)
		var (
			sum   tally
			group sync.WaitGroup
			last  = 1 + rand.Int64N(2*people-1)
			now   = make(chan struct{})
		)
		for number, each := range everybody {
			group.Go(func() {
				for sum.try(each, number, func() {
					if sum.answers.Add(1) == last {
						close(now)
					}
				}) {
				}
			})
		}
		<-now
		s.End([]os.Signal{os.Kill, syscall.SIGTERM}[round%2])
		s.Launch()
		group.Wait()
		accepted := int32(0)
		for number := range people {
			times := sum.accepted[number].Load()
			if times > 1 || times == 0 && sum.unanswerable[number].Load() == 0 {
				t.Errorf("round %d, user %d: accepted %d times", round, number, times)
			}
			accepted += times
		}
		t.Logf("round %d: %d accepted, stopped after %d answers", round, accepted, last)
	}
}

// try logs in, and says whether to try again with the same code.
func (s *tally) try(p *person, number int, answered func()) bool {
	begun, err := p.site.try("POST", "/api/users/adm/authenticate", "", object{"username": p.name, "password": password})
	if err != nil {
		p.Errorf("user %d: %v", number, err)
		return false
	}
	if begun.status == 503 {
		return true
	}
	got, err := p.site.try("POST", p.path("/auth/verify-totp"), begun.text("pre_auth_token"), object{"totp": p.code(0)})
	switch {
	case err == nil && got.status == 200 && got.text("AuthToken") != "":
		s.accepted[number].Add(1)
		answered()
		return true
	case err == nil && got.status == 503:
		s.unanswerable[number].Add(1)
		return true
	case err == nil && got.status == 401:
		answered()
		return false
	default:
		p.Errorf("user %d: %d %s, %v", number, got.status, got.body, err)
		return false
	}
}
