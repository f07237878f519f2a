//! Damage on the disk: always `Unavailable` with the right sentence, never 'not enrolled', never accepted, no panic.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mfad_daemon::store::{SledStore, Store};
use mfad_proto::{Call, Pong, Refusal, Reply};
use mfad_tests::app::App;
use mfad_tests::daemon::{Daemon, NOON, accepted, account, denied};

/// A stopped daemon with enrolled users, and a copy of its state to damage again and again.
struct Scene {
    daemon: Daemon,
    apps: Vec<App>,
    intact: PathBuf,
}

const USERS: usize = 40;

impl Scene {
    fn set() -> Self {
        let mut daemon = Daemon::start_clocked("");
        let apps = (0..USERS).map(|n| daemon.enroll(&format!("user{n}"), NOON)).collect();
        daemon.stop();
        let intact = daemon.folder().join("intact");
        copy(&daemon.folder().join("state"), &intact);
        Self { daemon, apps, intact }
    }

    fn state(&self) -> PathBuf {
        self.daemon.folder().join("state")
    }

    /// Puts the state back as it was.
    fn mend(&self) {
        fs::remove_dir_all(self.state()).unwrap();
        copy(&self.intact, &self.state());
    }

    /// Starts the daemon on what is there now, and asks it about every user. `None` when all is as it should be, else
    /// what it says is wrong.
    fn judge(&mut self) -> Option<String> {
        fs::write(self.daemon.folder().join("log"), "").unwrap();
        self.daemon.spawn();
        let Ok(Reply::Pong(Pong { ready, why, .. })) = self.daemon.client().call(Call::Ping) else { panic!("no pong") };
        for (n, app) in self.apps.iter().enumerate() {
            let user = format!("user{n}");
            let (used, next) =
                (self.daemon.verify(&user, &app.code(NOON)), self.daemon.verify(&user, &app.code(NOON + 30)));
            if ready {
                assert!(denied(&used), "{user}: a used code is accepted");
                assert!(accepted(&next), "{user}: a good code is refused by a store that says it is well");
            } else {
                let status = self.daemon.client().call(Call::Status { account: account(&user) }).unwrap();
                for reply in [&used, &next, &status] {
                    assert!(
                        matches!(reply, Reply::Refused(Refusal::Unavailable)),
                        "{user}: answered by a damaged store"
                    );
                }
            }
            // One is enough of those that are all alike.
            if !ready {
                break;
            }
        }
        self.daemon.stop();
        let log = self.daemon.log();
        assert!(!log.contains("panicked"), "{log}");
        assert!(ready || (log.contains(&why) && !why.contains("user")), "{why}: {log}");
        (!ready).then_some(why)
    }

    /// Damages the state, and expects a daemon that stays up and says this.
    fn expect(&mut self, words: &str, damage: impl FnOnce(&Path)) {
        damage(&self.state());
        let why = self.judge().unwrap_or_else(|| panic!("nothing was found, where {words:?} was expected"));
        assert!(why.contains(words), "{why:?} does not say {words:?}");
        assert!(why.contains("mfad restore"), "{why:?} does not say what to do");
        let check = self.check();
        assert!(check.contains("FINDING") && check.contains(words), "mfad check says something else: {check}");
        self.mend();
    }

    fn check(&self) -> String {
        let before = contents(&self.state());
        let mut command = std::process::Command::new(mfad_tests::programs::built("mfad"));
        let output = command.arg("check").arg("--state").arg(self.state()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
        assert_eq!(contents(&self.state()), before, "mfad check changed something");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// Changes a file's bytes in place.
fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Where the bytes end that mean something: sled makes its file longer than that.
fn used(db: &[u8]) -> usize {
    db.iter().rposition(|byte| *byte != 0).unwrap()
}

fn sled(state: &Path) -> SledStore {
    SledStore::open(&state.join("store")).unwrap()
}

fn key(user: &str) -> Vec<u8> {
    [b"asystem\0", user.as_bytes()].concat()
}

#[test]
fn an_intact_copy_is_served() {
    let mut scene = Scene::set();
    assert_eq!(scene.judge(), None);
}

#[test]
fn lost_parts_are_named() {
    let mut scene = Scene::set();
    scene.expect("the file head is missing", |state| fs::remove_file(state.join("head")).unwrap());
    scene.expect("the file head was changed", |state| edit(&state.join("head"), |head| head[30] ^= 1));
    scene.expect("the file head was changed", |state| edit(&state.join("head"), |head| head.truncate(10)));
    scene.expect("the file head was changed", |state| edit(&state.join("head"), |head| head.fill(0)));
    scene.expect("the file head was changed", |state| edit(&state.join("head"), Vec::clear));
    scene.expect("lost its mark", |state| fs::remove_dir_all(state.join("store")).unwrap());
    scene.expect("lost its mark", |state| {
        for entry in fs::read_dir(state.join("store")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::remove_file(path).unwrap();
            }
        }
    });
    scene.expect("", |state| edit(&state.join("store/db"), |db| db.fill(0)));
    scene.expect("", |state| edit(&state.join("store/db"), |db| db.truncate(used(db) / 2)));
}

#[test]
fn swapped_lost_and_put_back_records_are_found() {
    let mut scene = Scene::set();
    scene.expect("changed, swapped, put back or added", |state| {
        let store = sled(state);
        let [one, other] = [key("user1"), key("user2")].map(|key| store.get(&key).unwrap());
        store.commit(vec![(key("user1"), other), (key("user2"), one)]).unwrap();
    });
    scene.expect("1 or more records are missing", |state| sled(state).commit(vec![(key("user3"), None)]).unwrap());
    scene.expect("changed, swapped, put back or added", |state| {
        let store = sled(state);
        let copied = store.get(&key("user1")).unwrap();
        store.commit(vec![(key("mallory"), copied)]).unwrap();
    });

    // One user's record from before the last login, and everything else as it is now.
    let old = sled(&scene.state()).get(&key("user0")).unwrap();
    scene.daemon.spawn();
    scene.daemon.set_time(NOON + 60);
    assert!(accepted(&scene.daemon.verify("user0", &scene.apps[0].code(NOON + 60))));
    scene.daemon.stop();
    let state = scene.state();
    sled(&state).commit(vec![(key("user0"), old)]).unwrap();
    scene.daemon.set_time(NOON);
    let why = scene.judge().expect("a record was put back and nobody noticed");
    assert!(why.contains("put back"), "{why}");
}

#[test]
fn an_old_store_and_an_old_head_are_found() {
    let mut scene = Scene::set();
    scene.daemon.spawn();
    // Two more logins, more than a second apart, so that the head is written in between.
    for step in 1..=2 {
        scene.daemon.set_time(NOON + 30 * step);
        assert!(accepted(&scene.daemon.verify("user0", &scene.apps[0].code(NOON + 30 * step))));
        std::thread::sleep(Duration::from_millis(1_200));
    }
    scene.daemon.stop();
    let newer = scene.daemon.folder().join("newer");
    copy(&scene.state(), &newer);
    scene.daemon.set_time(NOON);

    let intact = std::mem::replace(&mut scene.intact, newer);
    scene.expect("an old copy was put back", |state| {
        fs::remove_dir_all(state.join("store")).unwrap();
        copy(&intact.join("store"), &state.join("store"));
    });
    scene.expect("the file head is", |state| {
        fs::copy(intact.join("head"), state.join("head")).unwrap();
    });
}

#[test]
fn damage_anywhere_in_the_database_is_found_or_harmless() {
    let mut scene = Scene::set();
    let length = fs::metadata(scene.state().join("store/db")).unwrap().len();
    let used = used(&fs::read(scene.state().join("store/db")).unwrap());
    let mut found = 0;
    for n in 0..24_usize {
        let place = used * n / 24;
        let name = match n % 3 {
            0 => {
                edit(&scene.state().join("store/db"), |db| db[place] ^= 1 << (n % 8));
                "flipped"
            }
            1 => {
                edit(&scene.state().join("store/db"), |db| db[place..(place + 4096).min(used)].fill(0));
                "zeroed"
            }
            _ => {
                edit(&scene.state().join("store/db"), |db| db.truncate(place));
                "cut"
            }
        };
        match scene.judge() {
            Some(why) => {
                assert!(why.contains("mfad restore"), "{why}");
                found += 1;
            }
            // A byte that nothing lies in: everything was right all the same, as `judge` has seen.
            None => println!("{name} at {place} of {length}: harmless"),
        }
        scene.mend();
    }
    assert!(found >= 12, "only {found} of 24 damages were found");
}

#[test]
fn a_restored_folder_serves_again() {
    let mut scene = Scene::set();
    edit(&scene.state().join("head"), |head| head[0] ^= 1);
    assert!(scene.judge().is_some());
    scene.mend();
    assert_eq!(scene.judge(), None);
}
