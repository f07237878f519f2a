package otp_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sources are the files of a package without its tests, by their names.
func sources(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no package in %s: %v", folder, err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") && folder == ".." {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(file)] = text
	}
	return all
}

func TestTheCopyOfPackageMfadIsFresh(t *testing.T) {
	original, copied := sources(t, ".."), sources(t, "internal/mfad")
	for name, text := range original {
		if !bytes.Equal(text, copied[name]) {
			t.Errorf("%s differs: run go generate in client/go/otp", name)
		}
	}
	for name := range copied {
		if original[name] == nil {
			t.Errorf("%s is in the copy alone: run go generate in client/go/otp", name)
		}
	}
}
