//! `mfad.h`, made anew of the sources of the C library.

use std::path::{Path, PathBuf};

/// The folder of the C library.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../client/c")
}

/// The header as it would be made today.
///
/// # Panics
/// When the sources cannot be read.
#[must_use]
pub fn fresh() -> String {
    let config = cbindgen::Config::from_file(folder().join("cbindgen.toml")).expect("a configuration");
    let mut builder = cbindgen::Builder::new().with_config(config);
    for file in ["outcome.rs", "types.rs", "shown.rs", "handle.rs", "ffi.rs"] {
        builder = builder.with_src(folder().join("src").join(file));
    }
    let mut header = Vec::new();
    builder.generate().expect("a header").write(&mut header);
    String::from_utf8(header).expect("UTF-8")
}
