package main

import (
	"errors"
	"net/http"

	"mfad"
)

// A profile is a user as others see it. Whether there is a second factor, mfad alone knows.
type profile struct {
	UserName     string `json:"username"`
	Role         string `json:"platform_role_id"`
	IsMFAEnabled bool   `json:"is_mfa_enabled"`
}

func (s *service) show(r *http.Request, user user) answer {
	status, err := s.login.Status(r.Context(), s.account(user))
	if err != nil {
		return refused(r, err, unauthorized)
	}
	return answer{Code: http.StatusOK, bare: true, Response: profile{user.name, user.role, hasFactor(status)}}
}

func hasFactor(status mfad.Status) bool {
	return status.State == mfad.StateActive || status.State == mfad.StateLocked
}

func (s *service) getUser(r *http.Request, who bearer) answer { return s.show(r, who.user) }

func (s *service) createSuperAdmin(r *http.Request) answer { return s.create(r, nil) }

func (s *service) createUser(r *http.Request, who bearer) answer { return s.create(r, &who.user) }

// create makes the first user, who has no creator, or another. Nobody presets a second factor: there is no field for it.
func (s *service) create(r *http.Request, creator *user) answer {
	var typed struct {
		UserName, Password string
		Role               string `json:"platform_role_id"`
	}
	if err := read(r, &typed); err != nil {
		return malformed(err)
	}
	if creator == nil {
		typed.Role = superAdmin
	} else if !creator.administers(user{name: typed.UserName, role: typed.Role}) {
		return forbidden
	}
	shown := s.show(r, user{name: typed.UserName, role: typed.Role})
	if shown.Code != http.StatusOK {
		return shown
	}
	if _, err := s.users.add(typed.UserName, typed.Role, typed.Password); err != nil {
		return failure(http.StatusBadRequest, "%v", err)
	}
	return shown
}

// updateUser disables the factor of somebody else, where the record says false. One that says true, or nothing, changes
// nothing: only a code enables.
func (s *service) updateUser(r *http.Request, who bearer) answer {
	var typed struct {
		UserName     string
		IsMFAEnabled *bool `json:"is_mfa_enabled"`
	}
	name := r.PathValue("username")
	if err := read(r, &typed); err != nil {
		return malformed(err)
	}
	if typed.UserName != name {
		return failure(http.StatusBadRequest, "user in param and request body not matching")
	}
	changed, there := s.users.find(name)
	if name != who.name && !(there && who.administers(changed)) {
		return forbidden
	}
	if typed.IsMFAEnabled != nil && !*typed.IsMFAEnabled {
		if done := s.disable(r, who, changed); done.Code != http.StatusOK {
			return done
		}
	}
	return s.show(r, changed)
}

// disable takes a factor away, if there is one.
func (s *service) disable(r *http.Request, who bearer, changed user) answer {
	status, err := s.login.Status(r.Context(), s.account(changed))
	switch {
	case err != nil:
		return refused(r, err, unauthorized)
	case !hasFactor(status):
		return success(nil, "")
	case changed.name == who.name && status.Enforced:
		return failure(http.StatusForbidden, "mfa is enforced, user cannot unset their own mfa")
	case changed.name == who.name:
		return failure(http.StatusForbidden, "reset your own mfa with your password and a code: reset-totp")
	case s.admin == nil:
		return s.notHere("disable " + changed.name + " --reason 'lost phone'")
	}
	err = s.admin.Disable(r.Context(), s.account(changed), "by "+who.name+" in Netmaker")
	// Denied: somebody else was faster.
	if err != nil && !errors.Is(err, mfad.ErrDenied) {
		return refused(r, err, unauthorized)
	}
	s.users.renew(changed.name)
	return success(nil, "")
}

// notHere names what an administrator of mfad can do instead.
func (s *service) notHere(command string) answer {
	const words = "this server may not administer mfa: use mfactl --realm %s admin %s"
	return failure(http.StatusNotImplemented, words, s.realm, command)
}

// Settings of the server, of which one is about second factors. Nil is absent.
type settings struct {
	MFAEnforced *bool `json:"mfa_enforced"`
}

func (s *service) getSettings(r *http.Request, who bearer) answer {
	if s.admin == nil {
		return s.notHere("enforce")
	}
	policy, err := s.admin.GetPolicy(r.Context(), s.realm)
	if err != nil {
		return refused(r, err, unauthorized)
	}
	return success(settings{&policy.Enforced}, "fetched server settings successfully")
}

// updateSettings changes what mfad enforces. A body without the setting does not end it.
func (s *service) updateSettings(r *http.Request, who bearer) answer {
	if who.role != superAdmin && who.role != admin {
		return forbidden
	}
	var typed settings
	if err := read(r, &typed); err != nil {
		return malformed(err)
	}
	if typed.MFAEnforced == nil {
		return malformed(errors.New("mfa_enforced is missing"))
	}
	if s.admin == nil {
		return s.notHere("enforce on|off")
	}
	enforcement := mfad.Enforcement{Mode: mfad.EnforceOff}
	if *typed.MFAEnforced {
		enforcement.Mode = mfad.EnforceOn
	}
	policy, err := s.admin.SetPolicy(r.Context(), s.realm, enforcement)
	if err != nil {
		return refused(r, err, unauthorized)
	}
	return success(settings{&policy.Enforced}, "updated server settings successfully")
}
