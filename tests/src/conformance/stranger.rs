//! A server that is somebody else's: a client must see that by the kernel's word, and send it nothing.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use mfad_proto::Call;
use nix::unistd::geteuid;

use super::{Candidate, Outcome, Report};
use crate::nobody::as_nobody;

/// Lets the client ask a server of the user nobody. Only root can start one.
pub(super) fn meet(candidate: &Candidate<'_>, report: &mut Report) {
    if !geteuid().is_root() {
        report.unjudged = Some("who serves (SO_PEERCRED): that takes root");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).expect("an open folder");
    let socket = folder.path().join("s");
    // Debian's own, which everybody may run.
    let mut server = as_nobody(Path::new("/usr/bin/perl"));
    server.arg("-e").arg(SERVER).arg(&socket).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut server = server.spawn().expect("a server of nobody");
    let mut said = server.stdout.take().expect("a pipe");
    said.read_exact(&mut [0; 6]).expect("a server that listens");
    let mut client = (candidate.start)(&socket);
    let outcome = client.ask(Call::Ping);
    drop(client);
    let mut heard = String::new();
    said.read_to_string(&mut heard).expect("a server that ends");
    server.wait().expect("an ended server");
    let judgement = match (outcome, heard.trim()) {
        (Outcome::NoAnswer(_), "0") => Ok(()),
        (outcome, heard) => Err(format!("it told {outcome:?}, and sent a stranger {heard} bytes")),
    };
    report.note("a server of a uid that may not serve", judgement);
}

/// Listens, says so, and tells how many bytes the first connection brings, or 0 where none comes.
const SERVER: &str = r#"
use Socket;
$| = 1;
umask 0;
my $count = 0;
$SIG{ALRM} = sub { print $count; exit };
socket(S, AF_UNIX, SOCK_STREAM, 0) && bind(S, pack_sockaddr_un($ARGV[0])) && listen(S, 5) or die $!;
print "ready\n";
alarm 10;
accept(C, S) or die $!;
while (sysread(C, my $piece, 4096)) { $count += length $piece }
print $count;
"#;
