package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"mfad"
)

// An answer is the envelope of Netmaker's answers. Its code is the HTTP status.
type answer struct {
	Code     int
	Message  string
	Response any
	// How long to wait before the next try.
	wait time.Duration
	// Users are answered without the envelope.
	bare bool
}

func success(response any, format string, values ...any) answer {
	return answer{Code: http.StatusOK, Message: fmt.Sprintf(format, values...), Response: response}
}

func failure(code int, format string, values ...any) answer {
	return answer{Code: code, Message: fmt.Sprintf(format, values...)}
}

func malformed(err error) answer {
	return failure(http.StatusBadRequest, "invalid request body: %v", err)
}

var (
	unauthorized = failure(http.StatusUnauthorized, "unauthorized")
	forbidden    = failure(http.StatusForbidden, "forbidden")
)

// refused is the answer where mfad did not say yes. How a denial is worded is the handler's.
//
// MUST: nothing that mfad or a broken connection says ends in a success here.
func refused(r *http.Request, err error, denied answer) answer {
	var (
		refusal  *mfad.Refusal
		argument *mfad.ArgumentError
	)
	switch {
	case errors.Is(err, mfad.ErrDenied):
		return denied
	case errors.As(err, &refusal) && refusal.Kind == mfad.TryLater:
		late := failure(http.StatusTooManyRequests, "too many wrong codes: try again in %v", refusal.Wait)
		late.wait = refusal.Wait
		return late
	case errors.As(err, &argument):
		return failure(http.StatusBadRequest, "%v", err)
	}
	// Down, gone, of unknown fate, not permitted: the log says which, and the person cannot do anything about it.
	slog.Error("mfad did not answer", "route", r.Pattern, "error", err)
	return failure(http.StatusServiceUnavailable, "mfa cannot be checked now: try again with a new code")
}

func (a answer) write(w http.ResponseWriter) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	// Tokens, keys and recovery codes are in it.
	header.Set("Cache-Control", "no-store")
	if a.wait > 0 {
		header.Set("Retry-After", strconv.FormatFloat(math.Ceil(a.wait.Seconds()), 'f', 0, 64))
	}
	w.WriteHeader(a.Code)
	var body any = a
	if a.bare {
		body = a.Response
	}
	json.NewEncoder(w).Encode(body)
}
