//! The system's log of a [`Machine`]: what its programs send to `/dev/log`, which is a socket of the test's own in a `/dev` of
//! the machine's own.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::machine::Machine;
use crate::people::run;

/// A listener, until it is dropped.
pub struct Syslog {
    socket: PathBuf,
    lines: Receiver<String>,
    reader: Option<JoinHandle<()>>,
}

impl Syslog {
    /// Listens.
    ///
    /// # Panics
    /// When the machine cannot be given a `/dev`.
    #[must_use]
    pub fn listen(machine: &Machine) -> Self {
        let made = run(&mut machine.command(None, DEVICES), "");
        assert!(made.status.success(), "{made:?}");
        let socket = machine.root().join("dev/log");
        let listener = UnixDatagram::bind(&socket).expect("a socket");
        std::fs::set_permissions(&socket, PermissionsExt::from_mode(0o666)).expect("an open socket");
        let (sender, lines) = channel();
        // A program that logs to a full queue waits, so it is always read.
        let reader = std::thread::spawn(move || {
            let mut line = [0; 8192];
            while let Ok(length @ 1..) = listener.recv(&mut line) {
                sender.send(String::from_utf8_lossy(&line[..length]).into_owned()).ok();
            }
        });
        Self { socket, lines, reader: Some(reader) }
    }

    /// Waits for a line with this in it, and returns it.
    ///
    /// # Panics
    /// When none comes.
    #[must_use]
    pub fn wait_for(&self, text: &str) -> String {
        let mut others = String::new();
        loop {
            let Ok(line) = self.lines.recv_timeout(Duration::from_secs(20)) else {
                panic!("no line has {text:?}: {others}")
            };
            if line.contains(text) {
                return line;
            }
            others.push_str(&format!("{line}\n"));
        }
    }
}

impl Drop for Syslog {
    fn drop(&mut self) {
        // An empty datagram ends the reader.
        let told = UnixDatagram::unbound().and_then(|sender| sender.send_to(&[], &self.socket));
        if let (Ok(_), Some(reader)) = (told, self.reader.take()) {
            reader.join().ok();
        }
    }
}

/// The devices that logins use, in a folder of their own in the place of `/dev`.
const DEVICES: &str = r#"
set -e
mkdir ../dev
mount -t tmpfs -o mode=755 tmpfs ../dev
for device in null zero full random urandom tty ptmx; do
  touch "../dev/$device"
  mount --bind "/dev/$device" "../dev/$device"
done
mkdir ../dev/pts
mount --rbind /dev/pts ../dev/pts
ln -s /proc/self/fd ../dev/fd
mount --rbind ../dev /dev
"#;
