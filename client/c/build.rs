//! Gives the shared library the name that programs ask the loader for.

fn main() {
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,{SONAME}");
    println!("cargo:rerun-if-changed=build.rs");
}

/// The number grows when a program that was built against an older library would not work with this one.
const SONAME: &str = "libmfad.so.0";
