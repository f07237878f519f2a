//! What the fuzz targets check, without a fuzzer: their seeds, and every input that once broke one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use mfad_tests::fuzzed::{TARGETS, package};

#[test]
fn every_seed_holds() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        seeds.iter().for_each(|seed| (target.check)(seed));
        // Where a reader runs out of bytes, it must say so and stop.
        seeds.iter().for_each(|seed| (0..seed.len().min(64)).for_each(|cut| (target.check)(&seed[..cut])));
    }
}

/// Who mends what a fuzzer found moves the input from `artifacts/TARGET` to `regressions/TARGET`, under a name that says
/// what was wrong.
#[test]
fn what_once_broke_a_target_does_so_no_more() {
    for target in TARGETS {
        // A target that never broke has no folder.
        for entry in fs::read_dir(package().join("regressions").join(target.name)).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            println!("{}", path.display());
            (target.check)(&fs::read(path).expect("a readable file"));
        }
    }
}

#[test]
fn every_target_has_a_program() {
    let manifest = fs::read_to_string(package().join("Cargo.toml")).expect("the package of the programs");
    let programs: BTreeSet<_> =
        manifest.split("[[bin]]\nname = \"").skip(1).map(|rest| &rest[..rest.find('"').unwrap()]).collect();
    assert_eq!(programs, TARGETS.iter().map(|target| target.name).collect());
}

/// Fuzzing another version than the one that is shipped shows nothing.
#[test]
fn the_programs_are_built_of_the_crates_that_are_shipped() {
    let shipped = crates(&package().join("../../Cargo.lock"));
    for (name, versions) in crates(&package().join("Cargo.lock")) {
        let differs = shipped.get(&name).is_some_and(|shipped| shipped.is_disjoint(&versions));
        let remedy = "cp Cargo.lock tests/fuzz/ && cargo update --workspace --manifest-path tests/fuzz/Cargo.toml";
        assert!(!differs, "{name} differs in tests/fuzz/Cargo.lock: {remedy}");
    }
}

/// The versions of each crate in a lock file.
fn crates(lock: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(lock).expect("a lock file");
    let mut crates = BTreeMap::<_, BTreeSet<_>>::new();
    for package in text.split("[[package]]").skip(1) {
        let value = |key| package.lines().find_map(|line| line.strip_prefix(key)).expect("a name and a version");
        crates.entry(value("name = ").to_owned()).or_default().insert(value("version = ").to_owned());
    }
    crates
}
