//! The options of `pam_mfad.so` as they stand in a line of a PAM stack: for the module itself, and for the doctor, which
//! judges such lines.

use std::path::PathBuf;

use mfad_proto::Realm;

/// How the module works for one line of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleOptions {
    /// Whose users log in there: `realm=`.
    pub realm: Realm,
    /// The daemon's socket, where it is not the usual one: `socket=`, an absolute path.
    pub socket: Option<PathBuf>,
    /// One more uid that may serve there: `server_uid=`.
    pub server_uid: Option<u32>,
    /// Who needs a factor and has none: `enroll=`.
    pub enroll: Enroll,
    /// What happens while nobody listens: `fail=`.
    pub fail: Fail,
    /// The question for a code, where it is not the usual one: `prompt=`.
    pub prompt: Option<String>,
    /// Whether a code can be seen while it is typed: `echo`.
    pub echo: bool,
    /// Where the code comes from.
    pub pass: Pass,
    /// Whether the system log is told more: `debug`.
    pub debug: bool,
}

/// Who needs a factor and has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enroll {
    /// Sets one up at this login.
    Prompt,
    /// Is denied.
    Off,
}

/// What happens while nobody listens on the daemon's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fail {
    /// Nobody gets in.
    Closed,
    /// The first factor is enough.
    Open,
}

/// Where the code comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// The person is asked.
    Ask,
    /// What a module before this one has asked for is the code if it looks like one; else the person is asked.
    TryFirst,
    /// What a module before this one has asked for is the code.
    UseFirst,
    /// The person is asked for password and code in one; the password goes on to the next module.
    Forward,
}

impl ModuleOptions {
    /// Reads the words behind the module's name. The later of two that contradict each other counts, but where the code
    /// comes from may be said only once.
    ///
    /// # Errors
    /// The first word that is no option of the module, or has no value that it takes.
    pub fn parse<'w>(words: impl IntoIterator<Item = &'w str>) -> Result<Self, &'w str> {
        let mut options = Self::default();
        words.into_iter().try_for_each(|word| options.take(word).ok_or(word)).map(|()| options)
    }

    fn take(&mut self, word: &str) -> Option<()> {
        match word.split_once('=') {
            None => match word {
                "echo" => self.echo = true,
                "debug" => self.debug = true,
                "try_first_pass" => self.pass = self.first_pass(Pass::TryFirst)?,
                "use_first_pass" => self.pass = self.first_pass(Pass::UseFirst)?,
                "forward_pass" => self.pass = self.first_pass(Pass::Forward)?,
                _ => return None,
            },
            Some(("realm", realm)) => self.realm = Realm::new(realm)?,
            Some(("socket", path)) => self.socket = Some(path.starts_with('/').then(|| path.into())?),
            Some(("server_uid", uid)) => self.server_uid = Some(uid.parse().ok()?),
            Some(("enroll", "prompt")) => self.enroll = Enroll::Prompt,
            Some(("enroll", "off")) => self.enroll = Enroll::Off,
            Some(("fail", "closed")) => self.fail = Fail::Closed,
            Some(("fail", "open")) => self.fail = Fail::Open,
            Some(("prompt", text)) => self.prompt = Some((!text.is_empty()).then(|| text.to_owned())?),
            Some(_) => return None,
        }
        Some(())
    }

    fn first_pass(&self, pass: Pass) -> Option<Pass> {
        (self.pass == Pass::Ask || self.pass == pass).then_some(pass)
    }
}

impl Default for ModuleOptions {
    fn default() -> Self {
        Self {
            realm: Realm::system(),
            socket: None,
            server_uid: None,
            enroll: Enroll::Prompt,
            fail: Fail::Closed,
            prompt: None,
            echo: false,
            pass: Pass::Ask,
            debug: false,
        }
    }
}
