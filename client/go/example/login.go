package main

import (
	"net/http"

	"mfad"
)

// A login that has succeeded. Failures belong on the screen: somebody else may have tried.
type loggedIn struct {
	UserName      string
	AuthToken     string
	FailuresSince uint32   `json:"failures_since,omitempty"`
	RecoveryLeft  *uint32  `json:"recovery_left,omitempty"`
	RecoveryCodes []string `json:"recovery_codes,omitempty"`
}

// A login that has not: the password was right, and more is needed.
type begun struct {
	UserName     string `json:"user_name"`
	PreAuthToken string `json:"pre_auth_token"`
	// The next route is init-totp.
	MFASetupRequired bool `json:"mfa_setup_required,omitempty"`
}

// authenticate judges the password, and lets mfad say what else the login needs. Only NeedNothing earns a full token.
func (s *service) authenticate(r *http.Request) answer {
	var typed struct{ UserName, Password string }
	if read(r, &typed) != nil {
		return failure(http.StatusInternalServerError, "W1R3: It's not you it's me.")
	}
	user, right := s.users.check(typed.UserName, typed.Password)
	if !right {
		return failure(http.StatusBadRequest, "incorrect credentials")
	}
	need, err := s.login.Begin(r.Context(), s.account(user), origin(r))
	if err != nil {
		return refused(r, err, unauthorized)
	}
	switch need.Kind {
	case mfad.NeedNothing:
		in := loggedIn{UserName: user.name, AuthToken: s.issue(user, full)}
		return success(in, "W1R3: Device %s Authorized", user.name)
	case mfad.NeedCode:
		return success(begun{UserName: user.name, PreAuthToken: s.issue(user, preAuth)}, "W1R3: TOTP required")
	case mfad.NeedEnroll:
		return success(begun{user.name, s.issue(user, setUp), true}, "W1R3: TOTP setup required")
	default:
		return locked(user)
	}
}

func locked(user user) answer {
	return failure(http.StatusForbidden, "mfa of user %s is locked: an administrator can unlock it", user.name)
}

// verifyTOTP ends a login with a code, or with a recovery code in its place.
func (s *service) verifyTOTP(r *http.Request, who bearer) answer {
	var typed struct{ TOTP string }
	if err := read(r, &typed); err != nil {
		return malformed(err)
	}
	need, err := s.login.Begin(r.Context(), s.account(who.user), origin(r))
	switch {
	case err != nil:
		return refused(r, err, unauthorized)
	case need.Kind == mfad.NeedLocked:
		return locked(who.user)
	case need.Kind != mfad.NeedCode:
		return failure(http.StatusBadRequest, "mfa is disabled for user(%s), cannot process totp verification", who.name)
	}
	accepted, err := s.login.Verify(r.Context(), s.account(who.user), []byte(typed.TOTP), origin(r))
	if err != nil {
		return refused(r, err, failure(http.StatusUnauthorized, "invalid otp"))
	}
	in := loggedIn{UserName: who.name, AuthToken: s.issue(who.user, full), FailuresSince: accepted.FailuresSince}
	if accepted.Factor == mfad.FactorRecovery {
		in.RecoveryLeft = &accepted.RecoveryLeft
	}
	return success(in, "W1R3: User %s Authorized", who.name)
}
