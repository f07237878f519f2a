package mfad_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mfad"
	"mfad/internal/livedaemon"
)

// blocks are those of README.md in one language.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	check(t, err)
	var found []string
	for _, rest := range strings.Split(string(readme), "\n```"+language+"\n")[1:] {
		block, _, _ := strings.Cut(rest, "\n```")
		found = append(found, block+"\n")
	}
	if len(found) == 0 {
		t.Fatalf("README.md has no block of %s", language)
	}
	return found
}

func TestTheProgramOfTheReadmeCompilesWhereItsModuleSaysSo(t *testing.T) {
	here, err := os.Getwd()
	check(t, err)
	folder := t.TempDir()
	service := filepath.Join(folder, "service")
	for _, each := range []string{service, filepath.Join(folder, "mfad/client")} {
		check(t, os.MkdirAll(each, 0o700))
	}
	check(t, os.Symlink(here, filepath.Join(folder, "mfad/client/go")))
	module := "module service\n\n" + blocks(t, "go.mod")[0]
	check(t, os.WriteFile(filepath.Join(service, "go.mod"), []byte(module), 0o600))
	check(t, os.WriteFile(filepath.Join(service, "main.go"), []byte(blocks(t, "go")[0]), 0o600))
	for _, what := range []string{"build", "vet"} {
		command := exec.Command("go", what, ".")
		command.Dir = service
		if said, err := command.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v: %s", what, err, said)
		}
	}
}

func TestADaemonServesByTheConfigurationsOfTheReadme(t *testing.T) {
	for _, each := range blocks(t, "toml") {
		d := &daemon{livedaemon.Start(t, each)}
		need, err := d.dial(t).Begin(t.Context(), mfad.Account{Realm: "netmaker", User: "alice"}, origin)
		if err != nil || need.Kind != mfad.NeedNothing {
			t.Fatalf("%v, %v: %s", need, err, each)
		}
	}
}

// Each line of mfactl, in their order, on a socket by hand. sqlite3 makes the database.
func TestTheCommandsOfTheReadmeWork(t *testing.T) {
	d := &daemon{livedaemon.Start(t, blocks(t, "toml")[0])}
	d.enroll(d.dial(t), mfad.Account{Realm: "netmaker", User: "alice"})
	const table = `CREATE TABLE users_v1 (id text PRIMARY KEY, username text, is_mfa_enabled numeric, totp_secret text);
		INSERT INTO users_v1 VALUES ('1', 'admin1', 1, 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ');`
	if said, err := exec.Command("sqlite3", d.Path("netmaker.db"), table).CombinedOutput(); err != nil {
		t.Fatalf("sqlite3: %v: %s", err, said)
	}
	mfactl := livedaemon.Program(t, "mfactl") + " --socket " + d.Socket()
	run := 0
	for line := range strings.Lines(strings.Join(blocks(t, "sh"), "")) {
		arguments, is := strings.CutPrefix(line, "mfactl ")
		if !is {
			continue
		}
		command := exec.Command("sh", "-c", mfactl+" "+arguments)
		command.Dir = d.Path("")
		if said, err := command.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", line, err, said)
		}
		run++
	}
	if run != 4 {
		t.Errorf("%d lines were run", run)
	}
}
