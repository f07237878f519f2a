//! The services of PAM: which of them ask for a code, whether their stacks keep what that promises, and which ways into this
//! machine go around.

mod course;
mod line;
mod module;
mod stack;

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use mfad_client::module::{Fail, ModuleOptions, Pass};

use self::line::{Facility, Rule};
use self::stack::{Place, Source, Stack};
use super::owners::Owners;
use super::report::Said;
use super::sshd::Sshd;
use super::{Machine, text};

/// The stacks of all services.
pub(super) struct Pam {
    services: Vec<Service>,
    /// What cannot be read, each with the reason.
    unread: Vec<String>,
}

struct Service {
    name: String,
    /// Whether its own file names the module, also where PAM cannot read that line.
    names_module: bool,
    auth: Stack,
}

impl Pam {
    pub(super) fn read() -> Self {
        let (mut names, mut unread) = (BTreeSet::new(), Vec::new());
        for folder in FOLDERS.map(Path::new) {
            match text::files(folder) {
                Ok(files) => names.extend(files.iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => unread.push(format!("{} cannot be listed: {error}", folder.display())),
            }
        }
        let (mut services, mut parts) = (Vec::<Service>::new(), BTreeSet::new());
        for name in names {
            let Some(path) = place_of(&name).filter(|_| !is_left_over(&name)) else { continue };
            match text::read(&path) {
                Ok(text) => {
                    // A file that includes itself is a part of nothing but a mistake.
                    parts.extend(line::included(&text).filter(|part| *part != name));
                    let auth = Stack::of(&name, Facility::Auth, &find);
                    services.push(Service { name, names_module: names_module(&text), auth });
                }
                Err(error) => unread
                    .push(format!("{} cannot be read, nor what it does where it is included: {error}", path.display())),
            }
        }
        // What others include is a part of them, unless it is known to be a way in by itself.
        services.retain(|service| is_way_in(&service.name) || !parts.contains(&service.name));
        Self { services, unread }
    }

    /// Whether this service asks for a code.
    pub(super) fn asks(&self, service: &str) -> bool {
        self.asking().any(|asking| asking.name == service)
    }

    fn asking(&self) -> impl Iterator<Item = &Service> {
        self.services.iter().filter(|service| service.auth.asking().next().is_some())
    }
}

/// Whether an editor or a package has put this aside: no program asks for a service of such a name.
fn is_left_over(name: &str) -> bool {
    name.ends_with('~') || [".dpkg-", ".rpm", ".bak", ".orig", ".ucf-"].iter().any(|mark| name.contains(mark))
}

fn names_module(text: &str) -> bool {
    text.lines().any(|line| line.split('#').next().is_some_and(|said| said.contains(MODULE)))
}

fn is_way_in(service: &str) -> bool {
    WAYS_IN.contains(&service)
}

/// Where a file of PAM lies: in the machine's own folder, else in the distribution's.
fn place_of(name: &str) -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.exists())
}

fn find(name: &str) -> Option<Source> {
    let path = place_of(name)?;
    let text = text::read(&path).ok()?;
    Some(Source { path: path.display().to_string(), text })
}

/// Check: every way in asks for a code, and takes a no for a no.
pub(super) fn judge(machine: &Machine) -> Vec<Said> {
    let pam = &machine.pam;
    let unread = pam.unread.iter().map(|unread| Said::note(CHECK, unread.as_str()));
    let mut said: Vec<_> = unread.chain(unreadable(pam)).collect();
    // In `mfad`, which is no way in, the module has no opinion.
    let asking: Vec<_> = pam.asking().filter(|service| service.name != OWN).collect();
    if asking.is_empty() {
        said.push(Said::advice(
            CHECK,
            "no service of PAM asks mfad for a code",
            "to ask at a login, put auth required pam_mfad.so behind the password's lines of its file in /etc/pam.d",
        ));
        return said;
    }
    let mut found: BTreeMap<Fault, Vec<&str>> = BTreeMap::new();
    for service in &asking {
        for fault in faults(service, &machine.sshd) {
            found.entry(fault).or_default().push(&service.name);
        }
    }
    said.extend(found.into_iter().map(|(fault, services)| fault.said(&services.join(", "))));
    said.extend(unasked(pam));
    if said.is_empty() {
        let names: Vec<_> = asking.iter().map(|service| service.name.as_str()).collect();
        said.push(Said::ok(CHECK, format!("these services ask for a code: {}", names.join(", "))));
    }
    said
}

/// Where PAM cannot read a stack that is to ask for a code, it lets nobody in.
fn unreadable(pam: &Pam) -> impl Iterator<Item = Said> {
    let services = pam.services.iter().filter(|service| service.names_module || service.auth.asking().next().is_some());
    services.filter_map(|service| {
        let (name, place) = (&service.name, service.auth.broken()?);
        Some(Said::finding(
            CHECK,
            format!("{name}: PAM cannot read {place}, or what it includes, and so denies every login through {name}"),
            "correct that line: its words, or the name of the file that it includes",
        ))
    })
}

/// What exists here as a way in, and asks for no code though others do.
fn unasked(pam: &Pam) -> impl Iterator<Item = Said> {
    let ways = pam.services.iter().filter(|service| is_way_in(&service.name));
    // Of one that PAM cannot read more is said already.
    let is_told = |service: &Service| service.names_module && service.auth.broken().is_some();
    ways.filter(move |service| service.auth.asking().next().is_none() && !is_told(service)).map(|service| {
        let name = &service.name;
        match service.auth.broken() {
            Some(place) => {
                Said::note(CHECK, format!("whether {name} asks for a code is not known: {place} cannot be read"))
            }
            None => Said::finding(
                CHECK,
                format!("{name} goes around: it asks for no code"),
                format!("put auth required pam_mfad.so behind the password's lines that /etc/pam.d/{name} leads to"),
            ),
        }
    })
}

/// What is wrong with a service that asks for a code.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Missing {
        module: String,
        places: Vec<String>,
    },
    /// The module's file can be replaced by somebody else than root.
    Replaceable {
        path: PathBuf,
        who: String,
    },
    Around {
        place: Place,
    },
    Early {
        place: Place,
        has_check: bool,
    },
    /// How it is not known whether a key comes first.
    PerhapsEarly {
        place: Place,
        why: String,
    },
    Uncounted {
        place: Place,
        answers: Vec<&'static str>,
    },
    Option {
        place: Place,
        option: String,
    },
    FailOpen {
        place: Place,
    },
}

fn faults(service: &Service, sshd: &Sshd) -> Vec<Fault> {
    let stack = &service.auth;
    let mut faults = Vec::new();
    for (index, rule) in stack.asking() {
        if let Some(place) = place(stack, index) {
            faults.extend(faults_of_line(rule, &place));
        }
    }
    let course = stack.faults();
    faults.extend(course.around.iter().filter_map(|step| Some(Fault::Around { place: place(stack, *step)? })));
    let Some((index, rule)) = stack.asking().next() else { return faults };
    let Some(first) = place(stack, index) else { return faults };
    if !course.uncounted.is_empty() {
        faults.push(Fault::Uncounted { place: first.clone(), answers: course.uncounted });
    }
    if course.is_early && !brings_password(rule) {
        faults.extend(early(service, sshd, first));
    }
    faults
}

/// Whether no code of this line goes to the daemon without a password.
fn brings_password(rule: &Rule) -> bool {
    ModuleOptions::parse(rule.arguments.iter().map(String::as_str)).is_ok_and(|options| options.pass == Pass::Forward)
}

/// Over ssh, a key may have come before PAM asks anything.
fn early(service: &Service, sshd: &Sshd, place: Place) -> Option<Fault> {
    if service.name == "sshd" {
        match sshd {
            Sshd::Unseen(why) => return Some(Fault::PerhapsEarly { place, why: why.clone() }),
            Sshd::Told(_) if sshd.shows_keys_first() => return None,
            Sshd::Told(_) | Sshd::Absent => {}
        }
    }
    Some(Fault::Early { place, has_check: service.auth.has_check_before() })
}

fn faults_of_line(rule: &Rule, place: &Place) -> Vec<Fault> {
    let module = match module::find(&rule.module) {
        Err(places) => Some(Fault::Missing {
            module: rule.module.clone(),
            places: places.iter().map(|place| place.display().to_string()).collect(),
        }),
        Ok(path) => Owners::root().outsider(&path).ok().flatten().map(|who| Fault::Replaceable { path, who }),
    };
    let options = match ModuleOptions::parse(rule.arguments.iter().map(String::as_str)) {
        Err(option) => Some(Fault::Option { place: place.clone(), option: option.to_owned() }),
        Ok(options) => (options.fail == Fail::Open).then(|| Fault::FailOpen { place: place.clone() }),
    };
    module.into_iter().chain(options).collect()
}

fn place(stack: &Stack, step: usize) -> Option<Place> {
    stack.0.get(step).map(|step| step.place.clone())
}

impl Fault {
    fn said(self, services: &str) -> Said {
        match self {
            Self::Missing { module, places } => Said::finding(
                CHECK,
                format!("{services}: PAM does not find {module}, and denies every login through them"),
                format!("install it as {}, or take its lines out of /etc/pam.d", places.join(" or ")),
            ),
            Self::Replaceable { path, who } => Said::finding(
                CHECK,
                format!("{services}: {who}, and what is in pam_mfad.so runs as root at every login"),
                format!("chown root:root {0}; chmod 644 {0}; and so its folders, with mode 755", path.display()),
            ),
            Self::Around { place } => Said::finding(
                CHECK,
                format!("{services}: {place} can let somebody in before pam_mfad.so is asked"),
                "where that line judges the password, make it requisite; else put the pam_mfad.so line before it; to spare \
                 somebody the code, use except_users, except_groups or except_services in mfad.toml",
            ),
            Self::Early { place, has_check: false } => Said::finding(
                CHECK,
                format!(
                    "{services}: {place} asks for a code before any password or key: anybody who knows a name can use its tries up"
                ),
                "put it behind the lines that judge the password, and let those end the stack (requisite)",
            ),
            Self::Early { place, has_check: true } => Said::finding(
                CHECK,
                format!(
                    "{services}: {place} asks for a code also after a wrong password: anybody who knows a name can use its tries up"
                ),
                "let a wrong password end the stack before it: requisite for the line that judges it, in the same file and in no substack",
            ),
            Self::PerhapsEarly { place, why } => Said::note(
                CHECK,
                format!("{services}: {place} asks for a code first; whether a key has come before is not known: {why}"),
            ),
            Self::Uncounted { place, answers } => Said::finding(
                CHECK,
                format!("{services}: {place} lets in whom pam_mfad.so does not accept ({})", answers.join(", ")),
                "make the line required, and let no line behind it take the denial back",
            ),
            Self::Option { place, option } => Said::finding(
                CHECK,
                format!(
                    "{services}: {place} has the option {option:?}, which pam_mfad.so does not know: it denies every login"
                ),
                "correct it or take it out: the manual names the options",
            ),
            Self::FailOpen { place } => Said::note(
                CHECK,
                format!("{services}: {place} has fail=open: while no mfad listens, nobody is asked for a code"),
            ),
        }
    }
}

const CHECK: &str = "pam";

const MODULE: &str = "pam_mfad";

/// The service by which `mfad-passwd` asks for passwords.
const OWN: &str = "mfad";

/// The machine's own files come before those of the distribution.
const FOLDERS: [&str; 3] = ["/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d"];

/// Services by which somebody gets in, or gets more rights, with a secret of a person.
const WAYS_IN: [&str; 25] = [
    "cockpit",
    "doas",
    "gdm-fingerprint",
    "gdm-password",
    "gdm-smartcard",
    "greetd",
    "kde",
    "lightdm",
    "login",
    "lxdm",
    "polkit-1",
    "proftpd",
    "pure-ftpd",
    "remote",
    "sddm",
    "sshd",
    "su",
    "su-l",
    "sudo",
    "sudo-i",
    "tigervnc",
    "vsftpd",
    "webmin",
    "xdm",
    "xrdp-sesman",
];
