package main

import (
	"encoding/hex"
	"fmt"
	"time"

	"mfad"
)

type object = map[string]any

// render is a reply as section 13 writes it. What has secrets in it is wiped by that.
func render(reply any) object {
	switch reply := reply.(type) {
	case mfad.Pong:
		return object{"reply": "pong", "version": reply.Version, "ready": reply.Ready, "why": reply.Why}
	case mfad.Need:
		rendered := object{"reply": "need", "need": reply.Kind.String()}
		if reply.Kind == mfad.NeedEnroll {
			rendered["ticket"] = reply.Ticket
		}
		return rendered
	case mfad.Status:
		return renderStatus(reply)
	case mfad.Accepted:
		return renderAccepted(reply)
	case mfad.Enrollment:
		return renderEnrollment(reply)
	case enrolled:
		return object{"reply": "enrolled", "recovery_codes": renderCodes(mfad.RecoveryCodes(reply))}
	case renewed:
		return object{"reply": "recovery_codes", "recovery_codes": renderCodes(mfad.RecoveryCodes(reply))}
	case done:
		return object{"reply": "done"}
	case mfad.Issued:
		defer reply.Code.Wipe()
		return object{"reply": "issued", "code": string(reply.Code), "expires_at": unix(reply.ExpiresAt)}
	case mfad.Policy:
		return renderPolicy(reply)
	default:
		panic(fmt.Sprintf("a %T is not rendered", reply))
	}
}

func renderRefusal(refusal *mfad.Refusal) object {
	rendered := object{"reply": "refused", "refusal": refusal.Kind.String()}
	if refusal.Kind == mfad.TryLater {
		rendered["seconds"] = seconds(refusal.Wait)
	}
	return rendered
}

func renderStatus(status mfad.Status) object {
	rendered := object{
		"reply":          "status",
		"realm":          status.Realm,
		"user":           status.User,
		"state":          status.State.String(),
		"enforced":       status.Enforced,
		"recovery_left":  status.RecoveryLeft,
		"enrolled_at":    nil,
		"last_success":   nil,
		"failures_since": status.FailuresSince,
		"retry_after":    nil,
	}
	if !status.EnrolledAt.IsZero() {
		rendered["enrolled_at"] = unix(status.EnrolledAt)
	}
	if !status.LastSuccess.IsZero() {
		rendered["last_success"] = unix(status.LastSuccess)
	}
	if status.RetryAfter != 0 {
		rendered["retry_after"] = seconds(status.RetryAfter)
	}
	return rendered
}

func renderAccepted(accepted mfad.Accepted) object {
	rendered := object{
		"reply":          "accepted",
		"factor":         accepted.Factor.String(),
		"recovery_left":  accepted.RecoveryLeft,
		"failures_since": accepted.FailuresSince,
		"last_failure":   nil,
	}
	if last := accepted.LastFailure; last != nil {
		rendered["last_failure"] = object{"time": unix(last.Time), "service": last.Service}
	}
	return rendered
}

func renderEnrollment(enrollment mfad.Enrollment) object {
	defer enrollment.Wipe()
	return object{
		"reply":      "enrollment",
		"enrollment": enrollment.ID.String(),
		"uri":        string(enrollment.URI),
		"qr":         object{"size": enrollment.QR.Size(), "bits": hex.EncodeToString(pack(enrollment.QR))},
		"expires_at": unix(enrollment.ExpiresAt),
		"handle":     enrollment.Handle,
	}
}

// pack is the modules of a QR code row by row, the first in the highest bit.
func pack(qr mfad.QR) []byte {
	size := qr.Size()
	bits := make([]byte, (size*size+7)/8)
	for place := range size * size {
		if qr.Dark(place/size, place%size) {
			bits[place/8] |= 0x80 >> (place % 8)
		}
	}
	return bits
}

func renderCodes(codes mfad.RecoveryCodes) []string {
	defer codes.Wipe()
	rendered := make([]string, 0, len(codes))
	for _, code := range codes {
		rendered = append(rendered, string(code))
	}
	return rendered
}

func renderPolicy(policy mfad.Policy) object {
	var enforcement any = policy.Enforcement.Mode.String()
	if policy.Enforcement.Mode == mfad.EnforceAfter {
		enforcement = object{"after": unix(policy.Enforcement.From)}
	}
	return object{
		"reply":        "policy",
		"enforcement":  enforcement,
		"stored":       policy.Stored,
		"enforced":     policy.Enforced,
		"first_factor": policy.FirstFactor.String(),
		"enroll":       policy.Enroll.String(),
		"replace":      policy.Replace.String(),
	}
}

// unix undoes what the client does to moments above the largest int64.
func unix(moment time.Time) uint64 { return uint64(moment.Unix()) }

func seconds(wait time.Duration) uint64 { return uint64(wait / time.Second) }
