package livedaemon

import (
	"os"
	"path/filepath"
	"time"
)

// Program finds one of the built programs: the newer one, where there are two.
func Program(f Failer, name string) string {
	f.Helper()
	var newest string
	var at time.Time
	for _, profile := range []string{"release", "debug"} {
		path := filepath.Join(workspace(f), "target", profile, name)
		if file, err := os.Stat(path); err == nil && file.ModTime().After(at) {
			newest, at = path, file.ModTime()
		}
	}
	if newest == "" {
		f.Fatalf("%s is built neither in target/release nor in target/debug: run cargo build --workspace first", name)
	}
	return newest
}

// workspace is the top of the tree. A test runs in the folder of its package.
func workspace(f Failer) string {
	f.Helper()
	folder, err := os.Getwd()
	Check(f, err)
	for {
		if _, err := os.Stat(filepath.Join(folder, "Cargo.lock")); err == nil {
			return folder
		}
		above := filepath.Dir(folder)
		if above == folder {
			f.Fatalf("no Cargo.lock lies above this test")
		}
		folder = above
	}
}
