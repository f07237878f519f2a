//! The ways into a machine through Debian's own programs that ask PAM, and how each of them looks to a person.

use crate::front::{ALICE, BOB, KEY};

/// A way in. Its lines of PAM and of sshd stand in `client/pam/README.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// ssh with a password and a code, each of them asked for.
    SshPassword,
    /// ssh with a key, and then a code.
    SshKey,
    /// ssh with both in one field.
    SshOneField,
    /// sudo, which lets somebody in as root.
    Sudo,
    /// su by another user.
    Su,
    /// login on a terminal.
    Login,
}

impl Way {
    /// The title of its section in `client/pam/README.md`.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::SshPassword => "### sshd, a password and a code",
            Self::SshKey => "### sshd, a key and a code",
            Self::SshOneField => "### Both in one field",
            Self::Sudo => "### sudo",
            Self::Su => "### su",
            Self::Login => "### login",
        }
    }

    /// Whether it is one of sshd's.
    #[must_use]
    pub const fn is_ssh(self) -> bool {
        matches!(self, Self::SshPassword | Self::SshKey | Self::SshOneField)
    }

    /// What PAM calls it, and so the audit log.
    #[must_use]
    pub const fn service(self) -> &'static str {
        match self {
            Self::SshPassword | Self::SshKey | Self::SshOneField => "sshd",
            Self::Sudo => "sudo",
            Self::Su => "su-l",
            Self::Login => "login",
        }
    }

    /// Who sits at the terminal; nobody is root.
    #[must_use]
    pub const fn visitor(self) -> Option<&'static str> {
        match self {
            Self::SshPassword | Self::SshKey | Self::SshOneField | Self::Login => None,
            Self::Sudo => Some(ALICE),
            Self::Su => Some(BOB),
        }
    }

    /// The line of a shell with which it begins, for one command, or for a shell.
    #[must_use]
    pub fn line(self, user: &str, command: Option<&str>) -> String {
        let ssh = |key: &str| {
            // On a terminal that shows UTF-8.
            let (terminal, command) = (if command.is_some() { "" } else { "-tt " }, command.unwrap_or_default());
            format!("LC_ALL=C.UTF-8 exec ssh {SSH} {key} {terminal}{user}@127.0.0.1 '{command}'")
        };
        let of_shell = |option: &str| command.map_or_else(String::new, |command| format!("{option} '{command}'"));
        match self {
            Self::SshPassword | Self::SshOneField => ssh("-o PubkeyAuthentication=no"),
            Self::SshKey => ssh(&format!("-i {KEY}")),
            Self::Sudo => format!("exec sudo sh {}", of_shell("-c")),
            Self::Su => format!("exec su - {user} {}", of_shell("-c")),
            Self::Login => "exec login".to_owned(),
        }
    }

    /// What asks for the first factor, where it is asked for at all.
    #[must_use]
    pub const fn first_question(self) -> Option<&'static str> {
        match self {
            Self::SshKey => None,
            Self::SshOneField => Some("Password and verification code: "),
            Self::Sudo => Some("password for alice: "),
            Self::SshPassword | Self::Su | Self::Login => Some("Password: "),
        }
    }

    /// Who somebody is that got in.
    #[must_use]
    pub fn becomes(self, user: &str) -> &str {
        if self == Self::Sudo { "root" } else { user }
    }

    /// What the shell says then.
    #[must_use]
    pub const fn shell_prompt(self) -> &'static str {
        if matches!(self, Self::Sudo) { "# " } else { "$ " }
    }

    /// What the program says to a person that it turns away for good.
    #[must_use]
    pub const fn farewell(self) -> &'static str {
        match self {
            Self::SshPassword | Self::SshKey | Self::SshOneField => "Permission denied",
            Self::Sudo => "sudo: ",
            Self::Su => "su: ",
            Self::Login => "Maximum number of tries exceeded",
        }
    }
}

/// A client that knows no host yet, tries once, and asks for no password when sshd takes nothing more: `logins_notices.rs`
/// has one that does.
const SSH: &str = "-F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes \
                   -o NumberOfPasswordPrompts=1 -o PasswordAuthentication=no";
