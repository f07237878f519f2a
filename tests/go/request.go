package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"mfad"
)

// A request has the fields of all calls that the client has: each call has some of them.
type request struct {
	Call        string
	Account     mfad.Account
	Proof       proof
	Context     origin
	Ticket      typed
	Issuer      string
	Enrollment  enrollmentID
	Code        typed
	First       typed
	Second      typed
	Password    typed
	Old         typed
	New         typed
	Reason      string
	Realm       string
	Enforcement enforcement
}

// parse reads a message, and finds its call: nil when the client has none such. A field that no call has is an error, lest
// one be left out of what is sent.
func parse(message []byte) (call, *request, error) {
	var named struct{ Call string }
	if err := json.Unmarshal(message, &named); err != nil {
		return nil, nil, err
	}
	call := calls[named.Call]
	if call == nil {
		return nil, &request{Call: named.Call}, nil
	}
	request := new(request)
	fields := json.NewDecoder(bytes.NewReader(message))
	fields.DisallowUnknownFields()
	if err := fields.Decode(request); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", named.Call, err)
	}
	return call, request, nil
}

// What a person has typed is text, or {"hex"} where it is not UTF-8. Nil when it is absent.
type typed []byte

func (t *typed) UnmarshalJSON(given []byte) error {
	var text *string
	if json.Unmarshal(given, &text) == nil {
		if text != nil {
			*t = append(typed{}, *text...)
		}
		return nil
	}
	var other struct{ Hex *string }
	if err := json.Unmarshal(given, &other); err != nil {
		return err
	}
	if other.Hex == nil {
		return errors.New("neither text nor hexadecimal")
	}
	bytes, err := hex.DecodeString(*other.Hex)
	*t = bytes
	return err
}

type proof struct{ mfad.Proof }

func (p *proof) UnmarshalJSON(given []byte) error {
	if string(given) == `"asserted"` {
		p.Proof = mfad.Asserted()
		return nil
	}
	var brought struct{ Password typed }
	if err := json.Unmarshal(given, &brought); err != nil {
		return err
	}
	p.Proof = mfad.Password(brought.Password)
	return nil
}

type origin struct{ Service, RHost, TTY string }

func (o origin) origin() mfad.Origin {
	return mfad.Origin{Service: o.Service, RemoteHost: o.RHost, TTY: o.TTY}
}

type enrollmentID struct{ mfad.EnrollmentID }

func (e *enrollmentID) UnmarshalJSON(given []byte) error {
	var digits string
	if err := json.Unmarshal(given, &digits); err != nil {
		return err
	}
	if len(digits) != hex.EncodedLen(len(e.EnrollmentID)) {
		return errors.New("an enrolment's id has 32 digits")
	}
	_, err := hex.Decode(e.EnrollmentID[:], []byte(digits))
	return err
}

type enforcement struct{ mfad.Enforcement }

func (e *enforcement) UnmarshalJSON(given []byte) error {
	switch string(given) {
	case `"off"`:
		e.Mode = mfad.EnforceOff
	case `"on"`:
		e.Mode = mfad.EnforceOn
	default:
		var later struct{ After *uint64 }
		if err := json.Unmarshal(given, &later); err != nil {
			return err
		}
		if later.After == nil {
			return errors.New("no enforcement")
		}
		// Moments above the largest int64 wrap, and are sent as they were given.
		e.Mode, e.From = mfad.EnforceAfter, time.Unix(int64(*later.After), 0)
	}
	return nil
}
