//! sshd: which ways in it has that never ask PAM for a code, in its own words (`sshd -T`).

use std::collections::BTreeMap;
use std::path::Path;

use super::owners::Owners;
use super::report::Said;
use super::{Machine, is_root, program, text};

/// How sshd is configured, as far as it says so.
pub(super) enum Sshd {
    Absent,
    Unseen(String),
    /// As each of [`VIEWS`] sees it.
    Told(Vec<View>),
}

/// The settings for one kind of connection.
pub(super) struct View {
    whom: &'static str,
    settings: BTreeMap<String, String>,
}

impl Sshd {
    pub(super) fn ask(owners: &Owners) -> Self {
        let Some(program) = program::find("sshd") else { return Self::Absent };
        if !is_root() {
            return Self::Unseen("only root can ask it".to_owned());
        }
        // What others have written is not run as root.
        match owners.outsider(&program) {
            Ok(None) => {}
            Ok(Some(outsider)) => return Self::Unseen(format!("it was not asked, since {outsider}")),
            Err(error) => return Self::Unseen(format!("it cannot be looked at: {error}")),
        }
        VIEWS
            .iter()
            .map(|(whom, arguments)| View::ask(&program, whom, arguments))
            .collect::<Result<_, _>>()
            .map_or_else(Self::Unseen, Self::Told)
    }

    /// Whether every way in shows a key before PAM asks anything.
    pub(super) fn shows_keys_first(&self) -> bool {
        match self {
            Self::Told(views) => {
                views.iter().all(|view| view.ways().is_some_and(|ways| ways.iter().all(|way| shows_key_first(way))))
            }
            Self::Absent | Self::Unseen(_) => false,
        }
    }
}

impl View {
    fn ask(program: &Path, whom: &'static str, arguments: &[&str]) -> Result<Self, String> {
        let printed = program::output(program, arguments).map_err(|error| error.to_string())?;
        let settings = settings(&printed);
        if settings.contains_key("usepam") {
            Ok(Self { whom, settings })
        } else {
            let words = printed.lines().last().unwrap_or_default();
            Err(format!("{} -T said {words:?}", program.display()))
        }
    }

    fn is(&self, key: &str, value: &str) -> bool {
        self.settings.get(key).is_some_and(|set| set == value)
    }

    /// The ways in that are asked for, each a list of methods; `None` where any one method will do.
    fn ways(&self) -> Option<Vec<&str>> {
        let methods = self.settings.get("authenticationmethods").map_or(ANY, String::as_str);
        (methods != ANY).then(|| methods.split_whitespace().collect())
    }

    /// What lets somebody in without a code, or keeps everybody from being asked, and what to do.
    fn faults(&self) -> Vec<(String, &'static str)> {
        if self.is("usepam", "no") {
            return vec![("it does not use PAM, and so asks for no code".to_owned(), "set UsePAM yes")];
        }
        let mut faults = Vec::new();
        if self.is("kbdinteractiveauthentication", "no") {
            faults.push(("it can ask nobody for a code".to_owned(), "set KbdInteractiveAuthentication yes"));
        }
        match self.ways() {
            Some(ways) => {
                for way in ways.iter().filter(|way| !asks_pam(way)) {
                    faults.push((format!("{way} is enough, without a code"), METHODS));
                }
            }
            None => {
                for (key, what) in ALONE {
                    if self.is(key, "yes") {
                        faults.push((format!("{what} alone is enough, without a code"), METHODS));
                    }
                }
            }
        }
        faults
    }
}

/// Check: no way over ssh goes around the code. Where its PAM service does not ask for one, the PAM check has said so.
pub(super) fn judge(machine: &Machine) -> Vec<Said> {
    let views = match &machine.sshd {
        Sshd::Absent => return vec![Said::ok(CHECK, "there is no sshd here")],
        Sshd::Unseen(why) => return vec![Said::note(CHECK, format!("how sshd is configured is not known: {why}"))],
        Sshd::Told(views) => views,
    };
    if !machine.pam.asks("sshd") {
        return vec![Said::note(CHECK, "its PAM service does not ask mfad: see above")];
    }
    let mut faults: BTreeMap<(String, &str), Vec<&str>> = BTreeMap::new();
    for view in views {
        for fault in view.faults() {
            faults.entry(fault).or_default().push(view.whom);
        }
    }
    let mut said: Vec<_> = faults
        .into_iter()
        .map(|((text, remedy), whom)| {
            Said::finding(
                CHECK,
                format!("sshd, for {}: {text}", whom.join(" and ")),
                format!("{remedy} in sshd_config, and restart sshd"),
            )
        })
        .collect();
    if said.is_empty() {
        said.push(Said::ok(CHECK, "every way in over ssh asks PAM, and so for the code"));
    }
    if has_matches() {
        said.push(Said::note(CHECK, "sshd_config has rules for some connections alone (Match): only those for root from this machine were judged"));
    }
    said
}

/// The pairs of key and value that sshd prints, one a line, the keys in lower case.
fn settings(printed: &str) -> BTreeMap<String, String> {
    let pairs = printed.lines().filter_map(|line| line.trim_end().split_once(' '));
    pairs.map(|(key, value)| (key.to_owned(), value.trim().to_owned())).collect()
}

/// Whether a list of methods comes to PAM: `password` runs the same stack as `keyboard-interactive`.
fn asks_pam(way: &str) -> bool {
    way.split(',').any(is_pams)
}

fn shows_key_first(way: &str) -> bool {
    let mut methods = way.split(',');
    methods.next().is_some_and(|first| !is_pams(first) && first != "none")
}

fn is_pams(method: &str) -> bool {
    method == "password" || method.split(':').next() == Some("keyboard-interactive")
}

/// Whether some connections have rules of their own, besides those that were asked for.
fn has_matches() -> bool {
    let mut files = text::files(Path::new("/etc/ssh/sshd_config.d")).unwrap_or_default();
    files.push(Path::new("/etc/ssh/sshd_config").to_owned());
    files.iter().filter_map(|path| text::read(path).ok()).any(|text| {
        text.lines().any(|line| line.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("match")))
    })
}

const CHECK: &str = "sshd";
const ANY: &str = "any";
const METHODS: &str =
    "set AuthenticationMethods publickey,keyboard-interactive, with keyboard-interactive after each method";

/// What lets in by itself where any method will do.
const ALONE: [(&str, &str); 3] = [
    ("pubkeyauthentication", "a key"),
    ("hostbasedauthentication", "a host's key"),
    ("gssapiauthentication", "a Kerberos ticket"),
];

/// Whom sshd is asked about.
const VIEWS: [(&str, &[&str]); 2] = [
    ("everybody", &["-T"]),
    ("root from this machine", &["-T", "-C", "user=root,host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22"]),
];
