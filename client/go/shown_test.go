package mfad_test

import (
	"fmt"
	"strings"
	"testing"

	"mfad"
)

func TestNoVerbShowsAPasswordOrAPicture(t *testing.T) {
	proof := mfad.Password([]byte("hunter2-pw"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if said := fmt.Sprintf(verb+verb, proof, mfad.QR{}); strings.Contains(said, "hunter2") || said != "[proof][QR code]" {
			t.Errorf("%s shows %s", verb, said)
		}
	}
}
