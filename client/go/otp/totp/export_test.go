package totp

import (
	"testing"
	"time"

	"github.com/pquerna/otp/internal/verifier"
)

// AskAt lets a test ask the server at this socket, with so much patience.
func AskAt(t *testing.T, socket string, deadline time.Duration) {
	t.Helper()
	before, of := asked, verifier.New("netmaker", socket, deadline)
	asked = func() *verifier.Verifier { return of }
	t.Cleanup(func() {
		asked = before
		of.Close()
	})
}
