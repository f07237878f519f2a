//! Three tries: a question, the daemon's word on the answer, and the same question again.

use mfad_proto::{Account, Call, Code, Context, DENIED_TEXT, Refusal, Reply};
use zeroize::Zeroizing;

use crate::application::{Application, Echo, Severity, Typed};
use crate::clock;
use crate::daemon::Daemon;
use crate::outcome::Outcome;
use crate::words;

/// One login: who asks, who answers, and whose it is.
pub(crate) struct Tries<'l, A, D> {
    pub(crate) application: &'l mut A,
    pub(crate) daemon: &'l mut D,
    pub(crate) account: Account,
    pub(crate) context: Context,
}

impl<A: Application, D: Daemon> Tries<'_, A, D> {
    /// Asks for a code until the daemon takes one in a call, at most three times. Any other answer of the daemon's ends it.
    ///
    /// # Errors
    /// Why no code was taken.
    pub(crate) fn code(
        &mut self,
        (question, echo): (&str, Echo),
        call: impl Fn(&mut Self, Code) -> Call,
    ) -> Result<Reply, Outcome> {
        self.until_taken(|tries| {
            let typed = tries.application.ask(question, echo)?;
            if typed.is_empty() {
                // What was not typed is no guess: a program without a person would lock the account with it.
                return Ok(None);
            }
            if tries.application.password().is_some_and(|password| !password.is_empty() && *password == *typed) {
                // A program that answers every question with the password would use up the tries, and show the password to
                // who should not see it.
                tries
                    .application
                    .log(Severity::Notice, "the password was given for a code: is PasswordAuthentication on?");
                return Ok(None);
            }
            let call = call(tries, as_code(typed));
            Ok(Some(call))
        })
    }

    /// Makes a call of what is asked for, until the daemon takes one, at most three times. What makes no call at all is a
    /// miss, too, and costs the account nothing.
    pub(crate) fn until_taken(
        &mut self,
        mut ask: impl FnMut(&mut Self) -> Result<Option<Call>, Outcome>,
    ) -> Result<Reply, Outcome> {
        let mut missed = Outcome::Denied;
        for _ in 0..MOST {
            missed = match ask(self)? {
                Some(call) => match self.submit(call)? {
                    Judged::Taken(reply) => return Ok(reply),
                    Judged::Missed(missed) => missed,
                },
                None => {
                    self.application.warn(DENIED_TEXT);
                    Outcome::Denied
                }
            };
        }
        Err(missed)
    }

    /// Makes one call. What was not accepted is told; so is a delay.
    ///
    /// # Errors
    /// Why asking again is of no use.
    pub(crate) fn submit(&mut self, call: Call) -> Result<Judged, Outcome> {
        match self.daemon.call(call).map_err(Outcome::Unanswered)? {
            Reply::Refused(Refusal::Denied) => {
                self.application.warn(DENIED_TEXT);
                Ok(Judged::Missed(Outcome::Denied))
            }
            Reply::Refused(Refusal::TryLater { seconds }) => {
                self.application.warn(&words::too_soon(clock::now(), seconds));
                if seconds > PATIENCE { Err(Outcome::TooSoon) } else { Ok(Judged::Missed(Outcome::TooSoon)) }
            }
            reply => Ok(Judged::Taken(reply)),
        }
    }
}

/// What the daemon has said.
pub(crate) enum Judged {
    /// Something else than no.
    Taken(Reply),
    /// No, or not now.
    Missed(Outcome),
}

/// What was typed, as far as any code is long: what is cut off could not make it right.
pub(crate) fn as_code(mut typed: Typed) -> Code {
    typed.truncate(Code::MAX);
    Code::new(typed).unwrap_or_default()
}

/// A copy of a part of what was typed.
pub(crate) fn copy(bytes: &[u8]) -> Typed {
    Zeroizing::new(bytes.to_vec())
}

/// Answers that a person may give.
const MOST: u32 = 3;

/// The longest delay, in seconds, after which the question is asked again: half of what login(1) gives for the whole login.
const PATIENCE: u32 = 30;
