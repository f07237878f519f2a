//! What was measured, and on what.

use std::path::Path;
use std::process::Command;

use super::plan::Plan;

/// Names and values for a reader of the numbers.
pub(crate) fn describe(plan: &Plan) -> Vec<(&'static str, String)> {
    let project = env!("CARGO_MANIFEST_DIR");
    let commit = said("git", &["-C", project, "describe", "--always", "--dirty"]);
    let cores = std::thread::available_parallelism().map_or_else(|_| UNKNOWN.to_owned(), |cores| cores.to_string());
    vec![
        ("mfad", format!("{} ({commit})", env!("CARGO_PKG_VERSION"))),
        ("compiler", said("rustc", &["--version"])),
        ("CPU", format!("{cores} x {}", cpu_model())),
        ("kernel", first_line("/proc/sys/kernel/osrelease")),
        ("load", first_line("/proc/loadavg")),
        ("state on", file_system(&plan.folder)),
        ("rounds", format!("{}{}", plan.rounds(), if plan.quick { ", quick: rough numbers" } else { "" })),
    ]
}

fn cpu_model() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().filter_map(|line| line.split_once(':')).find(|(name, _)| name.trim() == "model name");
    model.map_or_else(|| UNKNOWN.to_owned(), |(_, model)| model.trim().to_owned())
}

/// The file system that a folder is on: the mount point that is the longest prefix of its path, the latest of equals.
fn file_system(folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (device, point, kind, options) = (words.next()?, words.next()?, words.next()?, words.next()?);
        folder.starts_with(point).then(|| (point.len(), format!("{kind} on {device} ({options})")))
    });
    let found = mounts.max_by_key(|(length, _)| *length).map_or_else(|| UNKNOWN.to_owned(), |(_, found)| found);
    if found.starts_with("tmpfs") { format!("{found}: no disk, so F means nothing") } else { found }
}

fn first_line(path: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or(UNKNOWN).to_owned()
}

fn said(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().ok().filter(|output| output.status.success());
    output.map_or_else(|| UNKNOWN.to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

const UNKNOWN: &str = "unknown";
