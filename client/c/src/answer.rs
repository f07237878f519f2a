//! What a call waits for in an answer. `None` is an answer to another call.
#![expect(clippy::wildcard_enum_match_arm, reason = "every answer that a call does not wait for is one failure")]
#![expect(clippy::needless_pass_by_value, reason = "an answer is given away: nothing of it is to stay")]

use mfad_proto::Reply;

use crate::shown::{Codes, Pending};
use crate::text::fixed;
use crate::types::{Accepted, Factor, Need, Pong, State, Status};

pub(crate) fn pong(reply: Reply) -> Option<Pong> {
    match reply {
        Reply::Pong(pong) => Some(Pong { ready: pong.ready, version: fixed(&pong.version), why: fixed(&pong.why) }),
        _ => None,
    }
}

pub(crate) fn need(reply: Reply) -> Option<Need> {
    match reply {
        Reply::Need(mfad_proto::Need::Code) => Some(Need::Code),
        Reply::Need(mfad_proto::Need::Enroll { ticket: false }) => Some(Need::Enroll),
        Reply::Need(mfad_proto::Need::Enroll { ticket: true }) => Some(Need::EnrollWithTicket),
        Reply::Need(mfad_proto::Need::Nothing) => Some(Need::Nothing),
        Reply::Need(mfad_proto::Need::Locked) => Some(Need::Locked),
        _ => None,
    }
}

pub(crate) fn status(reply: Reply) -> Option<Status> {
    let Reply::Status(status) = reply else { return None };
    Some(Status {
        realm: fixed(status.realm.as_str()),
        user: fixed(status.user.as_str()),
        state: match status.state {
            mfad_proto::State::None => State::None,
            mfad_proto::State::Pending => State::Pending,
            mfad_proto::State::Active => State::Active,
            mfad_proto::State::Locked => State::Locked,
        },
        enforced: status.enforced,
        recovery_left: status.recovery_left,
        failures_since: status.failures_since,
        has_enrolled_at: status.enrolled_at.is_some(),
        enrolled_at: status.enrolled_at.unwrap_or(0),
        has_last_success: status.last_success.is_some(),
        last_success: status.last_success.unwrap_or(0),
        retry_after: status.retry_after.unwrap_or(0),
    })
}

/// To `Verify`.
pub(crate) fn code_accepted(reply: Reply) -> Option<Accepted> {
    accepted(reply).filter(|accepted| !matches!(accepted.factor, Factor::Password))
}

/// To `Authenticate`, which a password alone may satisfy.
pub(crate) fn accepted(reply: Reply) -> Option<Accepted> {
    let Reply::Accepted(accepted) = reply else { return None };
    let last = accepted.last_failure.as_ref();
    Some(Accepted {
        factor: match accepted.factor {
            mfad_proto::Factor::Totp => Factor::Totp,
            mfad_proto::Factor::Recovery => Factor::Recovery,
            mfad_proto::Factor::Password => Factor::Password,
        },
        recovery_left: accepted.recovery_left,
        failures_since: accepted.failures_since,
        has_last_failure: last.is_some(),
        last_failure_time: last.map_or(0, |failure| failure.time),
        last_failure_service: fixed(last.map_or("", |failure| failure.service.as_str())),
    })
}

pub(crate) fn enrollment(reply: Reply) -> Option<Pending> {
    match reply {
        Reply::Enrollment(enrollment) => Some(enrollment.into()),
        _ => None,
    }
}

/// To `Reset`, which begins an enrolment where a factor is enforced, and else is done.
pub(crate) fn reset(reply: Reply) -> Option<Option<Pending>> {
    match reply {
        Reply::Done => Some(None),
        Reply::Enrollment(enrollment) => Some(Some(enrollment.into())),
        _ => None,
    }
}

pub(crate) fn enrolled(reply: Reply) -> Option<Codes> {
    match reply {
        Reply::Enrolled(codes) => Some(codes.into()),
        _ => None,
    }
}

pub(crate) fn recovery_codes(reply: Reply) -> Option<Codes> {
    match reply {
        Reply::RecoveryCodes(codes) => Some(codes.into()),
        _ => None,
    }
}

pub(crate) fn done(reply: Reply) -> Option<()> {
    matches!(reply, Reply::Done).then_some(())
}
