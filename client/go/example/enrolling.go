package main

import (
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"mfad"
)

// validateIdentity judges the password again. The next init-totp with this token asks for that.
func (s *service) validateIdentity(r *http.Request, who bearer) answer {
	var typed struct{ Password string }
	if err := read(r, &typed); err != nil {
		return malformed(err)
	}
	_, right := s.users.check(who.name, typed.Password)
	result := map[string]bool{"identity_validated": right}
	if !right {
		return success(result, "user identity validation failed")
	}
	s.users.change(who.name, func(user *user) {
		user.confirmedBy, user.confirmedUntil = who.token.ID, time.Now().Add(5*time.Minute)
	})
	return success(result, "user identity validated")
}

// takeConfirmation says whether the password was confirmed, for one set-up.
func (s *service) takeConfirmation(who bearer) (confirmed bool) {
	s.users.change(who.name, func(user *user) {
		confirmed = user.confirmedBy == who.token.ID && time.Now().Before(user.confirmedUntil)
		user.confirmedBy = ""
	})
	return confirmed
}

// initTOTP begins an enrolment. It never replaces a factor that works: mfad refuses that, and reset-totp is the way.
func (s *service) initTOTP(r *http.Request, who bearer) answer {
	// Whoever is led through set-up has just typed the password.
	if who.token.Purpose == full && !s.takeConfirmation(who) {
		return failure(http.StatusForbidden, "validate the user's identity first")
	}
	enrollment, err := s.login.Enroll(r.Context(), s.account(who.user), mfad.Asserted(), mfad.EnrollOptions{Origin: origin(r)})
	if err != nil {
		return notSetUp(r, err, forbidden)
	}
	return s.offer(who, enrollment)
}

func notSetUp(r *http.Request, err error, denied answer) answer {
	if errors.Is(err, mfad.ErrNotPermitted) {
		return failure(http.StatusForbidden, "mfa is set up already: reset it, or ask an administrator")
	}
	return refused(r, err, denied)
}

// An offered enrolment is shown. The signature is opaque to whoever shows it, and comes back to complete-totp: a token that
// names user and enrolment, where Netmaker's signs a URL that anybody could complete.
type offered struct {
	URL       string `json:"otp_auth_url"`
	Signature string `json:"otp_auth_url_signature"`
	QRCode    string `json:"qr_code"`
}

func (s *service) offer(who bearer, enrollment mfad.Enrollment) answer {
	defer enrollment.Wipe()
	picture, err := picture(enrollment.QR)
	if err != nil {
		return failure(http.StatusInternalServerError, "failed to generate totp key: %v", err)
	}
	signature := s.issueAs(who.user, enrolment, enrollment.ID.String())
	return success(offered{string(enrollment.URI), signature, picture}, "totp setup initiated")
}

// completeTOTP confirms an enrolment by its first code. Only then whoever was led through set-up gets a full token. All
// earlier tokens end.
func (s *service) completeTOTP(r *http.Request, who bearer) answer {
	var typed struct {
		Signature string `json:"otp_auth_url_signature"`
		TOTP      string
	}
	if err := read(r, &typed); err != nil {
		return malformed(err)
	}
	signed, good := s.believes(typed.Signature, enrolment)
	if !good || signed.User != who.name || signed.Generation != who.generation {
		return failure(http.StatusBadRequest, "otp auth url signature mismatch")
	}
	// What offer has signed has an id.
	var id mfad.EnrollmentID
	hex.Decode(id[:], []byte(signed.ID))
	codes, err := s.login.Confirm(r.Context(), s.account(who.user), id, []byte(typed.TOTP))
	if err != nil {
		return notSetUp(r, err, failure(http.StatusBadRequest, "cannot setup totp for user %s: invalid otp", who.name))
	}
	defer codes.Wipe()
	in := s.logInAnew(who)
	for _, code := range codes {
		in.RecoveryCodes = append(in.RecoveryCodes, string(code))
	}
	return success(in, "totp setup complete for user %s", who.name)
}

func (s *service) logInAnew(who bearer) loggedIn {
	return loggedIn{UserName: who.name, AuthToken: s.issue(s.users.renew(who.name), full)}
}

// resetTOTP gives the factor up, with the password and a code or recovery code. Where a second factor is enforced, it begins
// the next enrolment instead, and the factor works until complete-totp. It does not say which of the two was wrong.
func (s *service) resetTOTP(r *http.Request, who bearer) answer {
	var typed struct{ Password, TOTP string }
	if err := read(r, &typed); err != nil {
		return malformed(err)
	}
	wrong := failure(http.StatusUnauthorized, "invalid password or otp")
	// Behind a wrong password no code is looked at, so that it costs no try of a code.
	if _, right := s.users.check(who.name, typed.Password); !right {
		return wrong
	}
	enrollment, err := s.login.Reset(r.Context(), s.account(who.user), mfad.Asserted(), []byte(typed.TOTP), origin(r))
	if err != nil {
		return refused(r, err, wrong)
	}
	if enrollment != nil {
		return s.offer(who, *enrollment)
	}
	return success(s.logInAnew(who), "totp reset for user %s", who.name)
}
