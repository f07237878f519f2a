//! Writes the seeds of all fuzz targets into a folder of folders: what a fuzzer begins with.

use std::path::Path;
use std::{env, fs};

use mfad_tests::fuzzed::TARGETS;

fn main() {
    let corpus = env::args_os().nth(1).expect("usage: mfad-seeds FOLDER");
    for target in TARGETS {
        let folder = Path::new(&corpus).join(target.name);
        fs::create_dir_all(&folder).expect("a folder");
        for (number, seed) in (target.seeds)().iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed).expect("a written seed");
        }
    }
}
