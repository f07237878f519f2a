//! Every course that a stack can take, by PAM's own rules: what each module may answer, and what follows from it.
//!
//! A module is a check when it judges a secret. What is not known to be none is taken for one.

use std::collections::BTreeSet;

use super::line::{Action, Rule};
use super::stack::{Stack, What};

/// What is wrong with a stack that asks for a code. The numbers are of its steps.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    /// These let somebody in before the code is asked for.
    pub(super) around: BTreeSet<usize>,
    /// The code is asked for without any right password before it.
    pub(super) is_early: bool,
    /// Answers of the module that are no yes, and with which somebody gets in all the same.
    pub(super) uncounted: Vec<&'static str>,
}

impl Stack {
    /// The steps that ask for a code.
    pub(super) fn asking(&self) -> impl Iterator<Item = (usize, &Rule)> {
        self.0.iter().enumerate().filter_map(|(index, step)| match &step.what {
            What::Module(rule) if is_ours(rule) => Some((index, rule)),
            What::Module(_) | What::Substack | What::Broken => None,
        })
    }

    /// Whether anything judges a secret before the code is asked for.
    pub(super) fn has_check_before(&self) -> bool {
        let before = self.0.iter().take_while(|step| !matches!(&step.what, What::Module(rule) if is_ours(rule)));
        before.into_iter().any(|step| matches!(&step.what, What::Module(rule) if is_check(rule)))
    }

    pub(super) fn faults(&self) -> Faults {
        let mut faults = Faults::default();
        let end = self.walk(None, |state| faults.is_early |= !state.is_checked);
        faults.around = end.into_iter().filter(|state| state.is_in()).filter_map(|state| state.around).collect();
        for answer in NO {
            let end = self.walk(Some(answer), |_state| {});
            if end.into_iter().any(|state| state.is_in() && state.is_asked) {
                faults.uncounted.push(answer);
            }
        }
        faults
    }

    /// Follows every course to its end. Where the code is asked for, `asked` hears of it, and the course goes on with this
    /// answer, or ends there.
    fn walk(&self, answer: Option<&'static str>, mut asked: impl FnMut(&State)) -> BTreeSet<State> {
        let (mut seen, mut ends) = (BTreeSet::new(), BTreeSet::new());
        let mut open = vec![State::default()];
        while let Some(state) = open.pop() {
            let Some(step) = self.0.get(state.at) else {
                ends.insert(state);
                continue;
            };
            if !seen.insert(state.clone()) {
                continue;
            }
            match &step.what {
                What::Substack => {
                    let mut state = state;
                    state.at = state.at.saturating_add(1);
                    state.entered.truncate(step.level);
                    state.entered.push(state.impression);
                    open.push(state);
                }
                What::Broken => open.push(self.follow(state, Action::Bad, "abort")),
                What::Module(rule) if is_ours(rule) => {
                    asked(&state);
                    if let Some(answer) = answer {
                        let state = State { is_asked: true, ..state };
                        open.push(self.follow(state, rule.control.action(answer), answer));
                    }
                }
                What::Module(rule) => {
                    for answer in answers(rule) {
                        let mut next = self.follow(state.clone(), rule.control.action(answer), answer);
                        next.is_checked |= *answer == YES && is_check(rule);
                        open.push(next);
                    }
                }
            }
        }
        ends
    }

    /// What follows from the action that an answer leads to.
    fn follow(&self, mut state: State, action: Action, answer: &str) -> State {
        let here = state.at;
        state.at = here.saturating_add(1);
        match action {
            Action::Ok | Action::Done => {
                state.impression = match (state.impression, answer) {
                    (before, IGNORE) => before,
                    (Impression::None | Impression::Good, YES) => Impression::Good,
                    // Another answer that counts is the end's, and no yes.
                    (_, _) => Impression::Bad,
                };
                if action == Action::Done && state.impression == Impression::Good {
                    state.at = self.end_of(here);
                }
            }
            Action::Bad => state.impression = Impression::Bad,
            Action::Die => {
                state.impression = Impression::Bad;
                state.at = self.end_of(here);
            }
            Action::Reset => {
                let outer = self.level(here).checked_sub(1).and_then(|level| state.entered.get(level));
                state.impression = outer.copied().unwrap_or_default();
            }
            Action::Ignore => {}
            Action::Jump(count) => match self.jump(here, count) {
                Some(at) => state.at = at,
                None => state.impression = Impression::Bad,
            },
        }
        let passed = here.saturating_add(1)..state.at;
        if self.asking().any(|(index, _)| passed.contains(&index)) {
            state.around = Some(here);
        }
        state
    }

    /// Where the stack that this step lies in has ended.
    fn end_of(&self, step: usize) -> usize {
        let level = self.level(step);
        let rest = self.0.iter().enumerate().skip(step.saturating_add(1));
        rest.into_iter().find(|(_, later)| later.level < level).map_or(self.0.len(), |(index, _)| index)
    }

    /// Behind as many steps of this level; a whole stack of its own is one. `None` when there are not so many.
    fn jump(&self, step: usize, count: usize) -> Option<usize> {
        let level = self.level(step);
        let mut last = step;
        for _skipped in 0..count {
            last = last.saturating_add(1);
            self.0.get(last).filter(|next| next.level >= level)?;
            while self.0.get(last.saturating_add(1)).is_some_and(|next| next.level > level) {
                last = last.saturating_add(1);
            }
        }
        Some(last.saturating_add(1))
    }

    fn level(&self, step: usize) -> usize {
        self.0.get(step).map_or(0, |step| step.level)
    }
}

/// A moment in a course.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    at: usize,
    impression: Impression,
    /// What the impression was when each stack that this lies in began.
    entered: Vec<Impression>,
    /// Somebody has given a right password or key.
    is_checked: bool,
    is_asked: bool,
    /// The step that has led around the code.
    around: Option<usize>,
}

impl State {
    fn is_in(&self) -> bool {
        self.impression == Impression::Good
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Impression {
    #[default]
    None,
    Good,
    Bad,
}

/// Whether this line asks for a code.
pub(super) fn is_ours(rule: &Rule) -> bool {
    name(rule) == "pam_mfad"
}

fn is_check(rule: &Rule) -> bool {
    NO_CHECKS.binary_search(&name(rule)).is_err()
}

/// What a module may answer, as far as it makes a difference here.
fn answers(rule: &Rule) -> &'static [&'static str] {
    match name(rule) {
        "pam_permit" => &[YES],
        "pam_deny" => &["auth_err"],
        // Only root gets through, who needs no code of anybody.
        "pam_rootok" => &["auth_err"],
        _ if is_check(rule) => &[YES, "auth_err", "perm_denied", "user_unknown"],
        _ => &[YES, IGNORE, "auth_err", "perm_denied", "user_unknown"],
    }
}

fn name(rule: &Rule) -> &str {
    let file = rule.module.rsplit('/').next().unwrap_or_default();
    file.strip_suffix(".so").unwrap_or(file)
}

const YES: &str = "success";
const IGNORE: &str = "ignore";

/// What `pam_mfad.so` answers instead of a yes: a wrong code, a stop, no daemon, and an option that it does not know.
const NO: [&str; 4] = ["auth_err", "maxtries", "authinfo_unavail", "service_err"];

/// Modules that judge no secret, in the order of their names.
const NO_CHECKS: [&str; 41] = [
    "pam_access",
    "pam_cap",
    "pam_debug",
    "pam_deny",
    "pam_echo",
    "pam_elogind",
    "pam_env",
    "pam_faildelay",
    "pam_faillock",
    "pam_gnome_keyring",
    "pam_group",
    "pam_issue",
    "pam_keyinit",
    "pam_kwallet5",
    "pam_lastlog",
    "pam_limits",
    "pam_listfile",
    "pam_localuser",
    "pam_loginuid",
    "pam_mail",
    "pam_mkhomedir",
    "pam_motd",
    "pam_namespace",
    "pam_nologin",
    "pam_permit",
    "pam_rootok",
    "pam_securetty",
    "pam_selinux",
    "pam_sepermit",
    "pam_setquota",
    "pam_shells",
    "pam_succeed_if",
    "pam_systemd",
    "pam_tally2",
    "pam_time",
    "pam_tty_audit",
    "pam_umask",
    "pam_usertype",
    "pam_warn",
    "pam_wheel",
    "pam_xauth",
];
