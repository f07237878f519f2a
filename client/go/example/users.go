package main

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"regexp"
	"sync"
	"time"
)

// A user has a password. Nothing here is about a second factor.
type user struct {
	name, role string
	salt, hash []byte
	// Every change of the second factor makes a new one, and so ends all tokens of the user.
	generation string
	// The token with which the password was confirmed for a set-up, and until when that is good.
	confirmedBy    string
	confirmedUntil time.Time
}

const (
	superAdmin = "super-admin"
	admin      = "admin"
)

// administers says whether a user may change another.
func (u user) administers(other user) bool {
	return u.name != other.name && other.role != superAdmin && (u.role == superAdmin || u.role == admin && other.role != admin)
}

// Users are kept in memory.
type users struct {
	mu     sync.Mutex
	byName map[string]user
	// Rounds of PBKDF2.
	rounds int
}

// What OWASP recommends for PBKDF2 with HMAC-SHA256.
const rounds = 600_000

var validName = regexp.MustCompile(`^[a-z0-9.@_+-]{4,255}$`)

func (u *users) add(name, role, password string) (user, error) {
	if !validName.MatchString(name) || len(password) < 5 {
		return user{}, errors.New("a user has a name of 4 characters and a password of 5")
	}
	added := user{name: name, role: role, salt: []byte(rand.Text()), generation: rand.Text()}
	added.hash = u.hash(added.salt, password)
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, there := u.byName[name]; there || role == superAdmin && len(u.byName) > 0 {
		return user{}, errors.New("user exists")
	}
	u.byName[name] = added
	return added, nil
}

func (u *users) find(name string) (user, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	found, there := u.byName[name]
	return found, there
}

// change changes a user under the lock, and nothing else of the user: no older copy is written back.
func (u *users) change(name string, change func(*user)) user {
	u.mu.Lock()
	defer u.mu.Unlock()
	changed := u.byName[name]
	change(&changed)
	u.byName[name] = changed
	return changed
}

// renew ends all tokens of a user.
func (u *users) renew(name string) user {
	return u.change(name, func(user *user) { user.generation = rand.Text() })
}

// check judges a password. A name that does not exist takes as long.
func (u *users) check(name, password string) (user, bool) {
	found, there := u.find(name)
	if !there {
		found.salt = []byte(rand.Text())
	}
	right := subtle.ConstantTimeCompare(u.hash(found.salt, password), found.hash) == 1
	return found, right && there
}

func (u *users) hash(salt []byte, password string) []byte {
	hash, err := pbkdf2.Key(sha256.New, password, salt, u.rounds, sha256.Size)
	if err != nil {
		panic(err) // It judges the lengths alone, which are fixed here.
	}
	return hash
}
