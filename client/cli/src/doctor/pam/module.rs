//! The module's file: where PAM looks for it.

use std::path::{Path, PathBuf};

/// Whether PAM finds a module of this name.
pub(super) fn find(module: &str) -> Result<PathBuf, Vec<PathBuf>> {
    let path = Path::new(module);
    let places = if path.is_absolute() {
        vec![path.to_owned()]
    } else {
        folders().iter().map(|folder| folder.join(module)).collect()
    };
    places.iter().find(|place| place.is_file()).cloned().ok_or(places)
}

/// The folders of PAM's modules: those that have a module which comes with PAM itself.
pub(super) fn folders() -> Vec<PathBuf> {
    let roots = ["/usr/lib", "/usr/lib64", "/lib", "/lib64"].map(PathBuf::from);
    let architectures = roots.iter().filter_map(|root| root.read_dir().ok()).flatten().filter_map(Result::ok);
    let architectures =
        architectures.map(|entry| entry.path()).filter(|path| path.to_string_lossy().contains("-linux-"));
    let mut folders: Vec<PathBuf> = Vec::new();
    for folder in roots.iter().cloned().chain(architectures).map(|root| root.join("security")) {
        // One folder may have two names: /lib is a link on most machines.
        let Ok(real) = folder.canonicalize() else { continue };
        if real.join("pam_deny.so").is_file() && !folders.contains(&real) {
            folders.push(real);
        }
    }
    folders
}
