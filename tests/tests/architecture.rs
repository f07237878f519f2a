//! The map in `daemon/ARCHITECTURE.md` is the code's own: each room imports what its row says, no more and no less, and the
//! arrows go one way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

type Imports = BTreeMap<String, BTreeSet<String>>;

fn daemon() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../daemon")
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// The rooms that a text names after this word.
fn named_after<'t>(text: &'t str, word: &str) -> impl Iterator<Item = &'t str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
    text.split(word).skip(1).map(move |rest| rest.split(|c| !is_part(c)).next().unwrap_or_default())
}

/// What every room imports, read from its sources. The programs import the library by its name.
fn in_the_code() -> Imports {
    let folder = daemon().join("src");
    let files = sources(&folder);
    let room = |path: &Path| {
        let first = path.strip_prefix(&folder).unwrap().components().next().unwrap();
        Path::new(first.as_os_str()).file_stem().unwrap().to_str().unwrap().to_owned()
    };
    let rooms: BTreeSet<_> = files.iter().map(|path| room(path)).collect();
    let mut found: Imports = rooms.iter().map(|room| (room.clone(), BTreeSet::new())).collect();
    for path in &files {
        let text = std::fs::read_to_string(path).unwrap();
        let code: String = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
        assert!(!code.contains("use crate::{"), "{}: one use a room", path.display());
        let room = room(path);
        for name in named_after(&code, "crate::").chain(named_after(&code, "mfad_daemon::")) {
            if name != room && rooms.contains(name) {
                found.get_mut(&room).unwrap().insert(name.to_owned());
            }
        }
    }
    // They hold the list of rooms, and the command line.
    found.retain(|room, _| !matches!(room.as_str(), "lib" | "main"));
    found
}

/// The table: in each row first rooms, then what each of them imports.
fn in_the_text() -> Imports {
    let text = std::fs::read_to_string(daemon().join("ARCHITECTURE.md")).unwrap();
    let (_, section) = text.split_once("## Imports").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let mut found = Imports::new();
    for row in rows {
        let cells: Vec<_> = row.split('|').collect();
        for room in names(cells[1]) {
            let again = found.insert(room, names(cells[2]).into_iter().collect());
            assert!(again.is_none(), "a room stands there twice: {row}");
        }
    }
    found
}

#[test]
fn every_room_imports_what_the_table_says() {
    let (code, text) = (in_the_code(), in_the_text());
    let rooms: BTreeSet<_> = code.keys().chain(text.keys()).collect();
    let differing: Vec<_> = rooms
        .iter()
        .filter(|room| code.get(**room) != text.get(**room))
        .map(|room| format!("{room}: the code imports {:?}, the table says {:?}", code.get(*room), text.get(*room)))
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert!(code.len() > 30 && code["vault"].contains("throttle"), "the code was not read: {code:?}");
}

#[test]
fn the_arrows_go_one_way() {
    let mut left = in_the_code();
    // Those that know each other: a home opens stores, a proof and a backup read them, and the writer begins with all three.
    for room in ["home", "proof", "backup"] {
        assert!(left.get_mut(room).unwrap().remove("store"), "{room}");
    }
    loop {
        let ready: Vec<_> = left
            .iter()
            .filter(|(_, imports)| imports.iter().all(|import| !left.contains_key(import)))
            .map(|(room, _)| room.clone())
            .collect();
        if ready.is_empty() {
            break;
        }
        ready.iter().for_each(|room| drop(left.remove(room)));
    }
    assert!(left.is_empty(), "these import each other in a circle: {:?}", left.keys());
}

#[test]
fn pure_rooms_know_neither_time_nor_disk_nor_tasks() {
    let pure = [
        "throttle",
        "used",
        "totp",
        "vault",
        "policy",
        "record",
        "realm_record",
        "reason",
        "otpauth",
        "place",
        "ledger",
        "password",
        "stack",
        "verifiers",
    ];
    for room in pure {
        let place = daemon().join("src").join(room);
        let files = if place.is_dir() { sources(&place) } else { vec![place.with_extension("rs")] };
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            let code: String = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
            for word in ["async ", "tokio", "std::fs", "std::io", "std::time", "std::net", "std::thread"] {
                assert!(!code.contains(word), "{} has {word}", file.display());
            }
        }
    }
}

#[test]
fn unsafe_code_stands_only_where_the_design_says() {
    let allowed = [
        "src/locked.rs",
        "src/peer.rs",
        "passwd/src/pam.rs",
        "../client/cli/src/doctor/adjtimex.rs",
        "../client/pam/src/ffi.rs",
        "../client/c/src/ffi.rs",
        "../tests/src/pam.rs",
    ];
    let allowed = allowed.map(|file| daemon().join(file));
    let folders =
        ["src", "passwd/src", "../proto/src", "../client", "../tests/src"].map(|folder| daemon().join(folder));
    let files =
        folders.iter().flat_map(|folder| sources(folder)).filter(|file| file.extension().is_some_and(|e| e == "rs"));
    let mut seen = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let is_unsafe = text.lines().any(|line| line.split("//").next().unwrap_or_default().contains("unsafe {"));
        assert!(!is_unsafe || allowed.contains(&file), "{} has unsafe code", file.display());
        seen += usize::from(is_unsafe);
    }
    assert_eq!(seen, allowed.len(), "the list names more than there is");
}
