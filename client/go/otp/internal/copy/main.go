// Copy brings internal/mfad up to date: package mfad as it stands beside this module, without its tests. go generate runs it
// in the folder of this module.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	source = ".."
	target = "internal/mfad"
)

func main() {
	if err := renew(); err != nil {
		fmt.Fprintln(os.Stderr, "copy:", err)
		os.Exit(1)
	}
}

func renew() error {
	files, err := filepath.Glob(filepath.Join(source, "*.go"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("package mfad is not in %s: run go generate in the folder of this module", source)
	}
	// A file that is gone there goes here, too.
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(target, filepath.Base(file)), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
