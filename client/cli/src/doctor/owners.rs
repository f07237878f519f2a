//! Who could replace a file: whoever owns it or may write it, and whoever may do so with a folder on the way to it.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use mfad_client::Trusted;
use nix::unistd::{User, geteuid};

/// Whose files are believed: root's, those of the user `mfad`, and of whoever may serve.
pub(super) struct Owners(Vec<u32>);

impl Owners {
    pub(super) fn of(trusted: Trusted) -> Self {
        let mut owners = vec![ROOT];
        owners.extend(User::from_name("mfad").ok().flatten().map(|user| user.uid.as_raw()));
        owners.extend(trusted.named);
        owners.extend(trusted.own.then(|| geteuid().as_raw()));
        Self(owners)
    }

    /// Root alone.
    pub(super) fn root() -> Self {
        Self(vec![ROOT])
    }

    pub(super) fn include(&self, uid: u32) -> bool {
        self.0.contains(&uid)
    }

    /// Who else could change what is in this file or folder, or put another in its place.
    ///
    /// # Errors
    /// When something on the way cannot be looked at.
    pub(super) fn outsider(&self, path: &Path) -> io::Result<Option<String>> {
        if let Some(writer) = self.writer(path, &path.metadata()?) {
            return Ok(Some(writer));
        }
        self.outsider_on_the_way(path)
    }

    /// Who else could put another thing in the place of this one.
    ///
    /// # Errors
    /// As [`Self::outsider`].
    pub(super) fn outsider_on_the_way(&self, path: &Path) -> io::Result<Option<String>> {
        let spelled = std::path::absolute(path)?;
        // A link leads elsewhere, by folders of its own.
        let real = spelled.canonicalize()?;
        for folder in spelled.ancestors().skip(1).chain(real.ancestors().skip(1)) {
            if let Some(writer) = self.writer(folder, &folder.metadata()?) {
                return Ok(Some(writer));
            }
        }
        Ok(None)
    }

    fn writer(&self, path: &Path, metadata: &Metadata) -> Option<String> {
        let (shown, mode) = (path.display(), metadata.mode());
        // In such a folder everybody keeps what is his.
        let guarded = metadata.is_dir() && mode & STICKY != 0;
        if !self.include(metadata.uid()) {
            Some(format!("{shown} belongs to {}", name(metadata.uid())))
        } else if mode & WRITTEN_BY_OTHERS != 0 && !guarded {
            Some(format!("{shown} may be written by everybody"))
        } else if mode & WRITTEN_BY_GROUP != 0 && metadata.gid() != ROOT && !guarded {
            Some(format!("{shown} may be written by its group, gid {}", metadata.gid()))
        } else {
            None
        }
    }
}

/// A user as a person knows him.
pub(super) fn name(uid: u32) -> String {
    let user = User::from_uid(uid.into()).ok().flatten();
    user.map_or_else(|| format!("uid {uid}"), |user| user.name)
}

const ROOT: u32 = 0;
const STICKY: u32 = 0o1000;
const WRITTEN_BY_GROUP: u32 = 0o020;
const WRITTEN_BY_OTHERS: u32 = 0o002;
