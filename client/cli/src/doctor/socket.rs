//! The sockets: where they should be, open to those they are for, and replaceable by nobody else.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use mfad_client::places::{self, RUN, SOCKET};
use mfad_client::{Client, Error, Options, Trusted};
use mfad_proto::Realm;
use nix::unistd::Group;

use super::owners::name;
use super::report::Said;
use super::server::chain;
use super::{Machine, is_root};

/// Check: the socket that commands go to.
pub(super) fn public(machine: &Machine) -> Vec<Said> {
    let (check, path) = ("socket", machine.server.path.as_path());
    let shown = path.display();
    let metadata = match path.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return vec![Said::finding(check, format!("there is no {shown}: mfad does not run"), START)];
        }
        Err(error) => {
            let remedy = "let everybody enter the folders on the way to it: chmod a+x";
            return vec![Said::finding(check, format!("{shown} cannot be reached: {error}"), remedy)];
        }
    };
    let expected = Expected::of(path);
    let mut said = judge(check, path, &metadata, &expected, machine);
    match &machine.server.link {
        Err(error @ Error::NotRunning { .. }) if metadata.file_type().is_socket() => {
            said.push(Said::finding(check, chain(error), START));
        }
        Err(error @ Error::Connect { .. }) if metadata.file_type().is_socket() && expected.mode == OPEN => {
            said.push(Said::finding(
                check,
                chain(error),
                format!("chmod 666 {shown}, or restart mfad, which makes it anew"),
            ));
        }
        // What is said of somebody else who serves stands elsewhere.
        Ok(_) | Err(_) => {}
    }
    if said.is_empty() {
        said.push(Said::ok(check, format!("somebody listens on {shown}, and nobody else can replace it")));
    }
    said
}

/// Check: the sockets of the realms, where this is about the usual places.
pub(super) fn realms(machine: &Machine) -> Vec<Said> {
    let check = "realm-sockets";
    if machine.server.path != places::public() {
        return vec![Said::note(
            check,
            format!("not looked at: {} is not the usual socket", machine.server.path.display()),
        )];
    }
    let folders = match Path::new(RUN).read_dir() {
        Ok(folders) => folders,
        Err(error) => return vec![Said::note(check, format!("{RUN} cannot be listed: {error}"))],
    };
    let names = folders.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<_> = names.filter(|name| Realm::new(name).is_some()).take(MOST).collect();
    names.sort();
    let sockets: Vec<_> = names.iter().map(|name| Path::new(RUN).join(name).join(SOCKET)).collect();
    // Where nobody serves at all, sockets are missing, and that has been said.
    let is_missing = |path: &Path| machine.server.link.is_err() && path.symlink_metadata().is_err();
    let there: Vec<_> = sockets.iter().filter(|path| !is_missing(path)).collect();
    let mut said: Vec<_> = there.iter().flat_map(|path| realm(check, path, machine)).collect();
    if said.is_empty() {
        said.push(Said::ok(
            check,
            format!("{} of {} realms below {RUN}, each open to its services alone", there.len(), sockets.len()),
        ));
    }
    if !is_root() {
        said.push(Said::note(check, "whether somebody listens there: only root can try"));
    }
    said
}

fn realm(check: &'static str, path: &Path, machine: &Machine) -> Vec<Said> {
    let shown = path.display();
    let metadata = match path.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) => {
            let remedy = format!(
                "systemctl enable {}, then stop and start mfad (systemctl stop mfad, systemctl start mfad); a realm that is \
                 served no more leaves a folder that can be removed",
                unit(path)
            );
            return vec![Said::finding(check, format!("{shown} cannot be reached: {error}"), remedy)];
        }
    };
    let mut said = judge(check, path, &metadata, &Expected::of(path), machine);
    if said.is_empty() && is_root() {
        let trusted = Trusted { own: false, ..machine.options.trusted };
        if let Err(error) = Client::connect(Options { path: path.to_owned(), trusted, ..machine.options.clone() }) {
            said.push(Said::finding(check, chain(&error), START));
        }
    }
    said
}

/// The unit that makes a realm's socket.
fn unit(path: &Path) -> String {
    match path.parent().and_then(Path::file_name).and_then(|name| name.to_str()) {
        Some(realm) if realm != Realm::system().as_str() => format!("mfad-realm@{realm}.socket"),
        Some(_) | None => "mfad-system.socket".to_owned(),
    }
}

/// What a socket should be.
struct Expected {
    mode: u32,
    group: Option<String>,
    /// Whether it is for root alone.
    is_roots: bool,
}

impl Expected {
    fn of(path: &Path) -> Self {
        let realm = path.strip_prefix(RUN).ok().and_then(|rest| {
            let mut parts = rest.iter();
            let realm = Realm::new(parts.next()?.to_str()?)?;
            (parts.next()? == SOCKET && parts.next().is_none()).then_some(realm)
        });
        match realm {
            None => Self { mode: OPEN, group: None, is_roots: false },
            Some(realm) if realm == Realm::system() => Self { mode: 0o600, group: None, is_roots: true },
            Some(realm) => Self { mode: 0o660, group: Some(format!("mfad-{realm}")), is_roots: false },
        }
    }
}

fn judge(check: &'static str, path: &Path, metadata: &Metadata, expected: &Expected, machine: &Machine) -> Vec<Said> {
    let (shown, mode) = (path.display(), metadata.mode() & 0o777);
    let mut said = Vec::new();
    if !metadata.file_type().is_socket() {
        let remedy = format!("look what it is, remove it, and start mfad: rm {shown}");
        return vec![Said::finding(check, format!("{shown} is no socket"), remedy)];
    }
    let is_owner = if expected.is_roots { metadata.uid() == 0 } else { machine.owners.include(metadata.uid()) };
    if !is_owner {
        let text = format!("{shown} belongs to {}, who may not serve there", name(metadata.uid()));
        said.push(Said::finding(check, text, format!("stop that process, rm {shown}, and restart mfad")));
    }
    if mode != expected.mode {
        let text = format!("{shown} has mode {mode:04o}, and should have {:04o}", expected.mode);
        let remedy = format!(
            "chmod {:o} {shown}; where systemd makes it, set SocketMode={:04o} in its unit",
            expected.mode, expected.mode
        );
        said.push(Said::finding(check, text, remedy));
    }
    if let Some(group) = &expected.group {
        said.extend(judge_group(check, path, metadata, group));
    }
    // A realm's folder may be closed to all but its services.
    let folder = path.parent().filter(|folder| *folder == Path::new(RUN));
    if let Some(folder) =
        folder.filter(|folder| folder.metadata().is_ok_and(|found| found.mode() & ENTERED_BY_OTHERS == 0))
    {
        let folder = folder.display();
        said.push(Said::finding(
            check,
            format!("{folder} cannot be entered, and so nobody reaches {shown}"),
            format!("chmod 755 {folder}"),
        ));
    }
    match machine.owners.outsider_on_the_way(path) {
        Ok(None) => {}
        Ok(Some(outsider)) => {
            let text = format!("{shown} can be replaced by others: {outsider}");
            said.push(Said::finding(check, text, "chown root: that folder, and chmod go-w it"));
        }
        Err(error) => said.push(Said::note(check, format!("the folders of {shown} cannot be looked at: {error}"))),
    }
    said
}

fn judge_group(check: &'static str, path: &Path, metadata: &Metadata, group: &str) -> Option<Said> {
    let shown = path.display();
    match Group::from_name(group).ok().flatten() {
        Some(found) if found.gid.as_raw() == metadata.gid() => None,
        Some(_) => Some(Said::finding(
            check,
            format!("{shown} belongs to gid {}, and should belong to group {group}", metadata.gid()),
            format!("chgrp {group} {shown}; where systemd makes it, set SocketGroup={group} in its unit"),
        )),
        None => Some(Said::finding(
            check,
            format!("there is no group {group}, whose members may use {shown}"),
            format!("groupadd --system {group}, and restart mfad"),
        )),
    }
}

const OPEN: u32 = 0o666;
const ENTERED_BY_OTHERS: u32 = 0o001;
const START: &str = "start mfad (systemctl enable --now mfad.socket mfad-system.socket, then systemctl start mfad); its log \
                     says why it does not stay (journalctl -u mfad), and so does mfad check";

/// More realms than anybody serves.
const MOST: usize = 256;
