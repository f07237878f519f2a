//! The blocks of `client/pam/README.md`: what an administrator is told to write and to run, so that the tests do just that.

const README: &str = include_str!("../../client/pam/README.md");

/// The lines for a file in the section of this title. The first line of the block names the file.
///
/// # Panics
/// When the section, or the block in it, is not there.
#[must_use]
pub fn file(title: &str, path: &str) -> String {
    let head = format!("\n# {path}\n");
    let found = blocks(title).find_map(|block| block.strip_prefix(&head));
    found.unwrap_or_else(|| panic!("no block for {path} below {title:?}")).to_owned()
}

/// The blocks of commands in the section of this title.
///
/// # Panics
/// When the section is not there.
#[must_use]
pub fn commands(title: &str) -> Vec<&'static str> {
    blocks(title).filter_map(|block| block.strip_prefix("sh\n")).collect()
}

/// The blocks of a section, each from behind the marks of its fence on.
fn blocks(title: &str) -> impl Iterator<Item = &'static str> {
    let (_, section) = README.split_once(&format!("{title}\n")).unwrap_or_else(|| panic!("no section {title:?}"));
    // A comment in a block has one mark, a section two or three.
    let end = section.find("\n##").unwrap_or(section.len());
    section[..end].split("```").skip(1).step_by(2)
}
