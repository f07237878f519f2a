//! Messages as the JSON that `proto/PROTOCOL.md` section 13 describes, secrets included: they can be neither printed nor
//! compared otherwise, on purpose.

use data_encoding::HEXLOWER;
use mfad_proto::{
    Account, Call, Context, Enforcement, Enrollment, Keys, Need, Proof, QrMatrix, RecoveryCodes, Refusal, Reply,
    Request, Response, Status,
};
use serde_json::{Value, json};

/// A request.
#[must_use]
pub fn request(message: &Request) -> Value {
    let fields = match &message.call {
        Call::Ping => json!({}),
        Call::Begin { account, context } => {
            json!({ "account": account_json(account), "context": context_json(context) })
        }
        Call::Status { account } => json!({ "account": account_json(account) }),
        Call::Verify { account, code, context } => json!({
            "account": account_json(account), "code": typed_json(code.expose()), "context": context_json(context),
        }),
        Call::Enroll { account, proof, ticket, issuer, context } => json!({
            "account": account_json(account),
            "proof": proof_json(proof),
            "ticket": ticket.as_ref().map(|ticket| typed_json(ticket.expose())),
            "issuer": issuer.as_ref().map(|issuer| issuer.as_str()),
            "context": context_json(context),
        }),
        Call::Confirm { account, enrollment, code } => json!({
            "account": account_json(account),
            "enrollment": enrollment.to_string(),
            "code": typed_json(code.expose()),
        }),
        Call::Reset { account, proof, code, context } => json!({
            "account": account_json(account),
            "proof": proof_json(proof),
            "code": typed_json(code.expose()),
            "context": context_json(context),
        }),
        Call::Recovery { account, proof, code } => json!({
            "account": account_json(account), "proof": proof_json(proof), "code": typed_json(code.expose()),
        }),
        Call::Resync { account, proof, first, second } => json!({
            "account": account_json(account),
            "proof": proof_json(proof),
            "first": typed_json(first.expose()),
            "second": typed_json(second.expose()),
        }),
        Call::Authenticate { account, password, code, context } => json!({
            "account": account_json(account),
            "password": typed_json(password.expose()),
            "code": typed_json(code.expose()),
            "context": context_json(context),
        }),
        Call::Passwd { account, old, code, new } => json!({
            "account": account_json(account),
            "old": typed_json(old.expose()),
            "code": typed_json(code.expose()),
            "new": typed_json(new.expose()),
        }),
        Call::Disable { account, reason } => {
            json!({ "account": account_json(account), "reason": reason.as_str() })
        }
        Call::SetPassword { account, password } => {
            json!({ "account": account_json(account), "password": typed_json(password.expose()) })
        }
        Call::SetPolicy { realm, enforcement } => {
            json!({ "realm": realm.as_str(), "enforcement": enforcement_json(*enforcement) })
        }
        Call::GetPolicy { realm } => json!({ "realm": realm.as_str() }),
        Call::Unlock { account } | Call::Recover { account } | Call::Remove { account } => {
            json!({ "account": account_json(account) })
        }
        Call::KeyStatus | Call::KeyRotate => json!({}),
        Call::List { .. } | Call::Show { .. } | Call::ImportOne { .. } | Call::Audit { .. } | Call::Stats { .. } => {
            json!({})
        }
        Call::Backup { passphrase } => json!({ "passphrase": typed_json(passphrase.expose()) }),
    };
    headed(message.id, ("call", message.call.kind().as_str()), fields)
}

/// A response.
#[must_use]
pub fn response(message: &Response) -> Value {
    let (name, fields) = match &message.reply {
        Reply::Refused(refusal) => ("refused", refusal_json(*refusal)),
        Reply::GoingAway => ("going_away", json!({})),
        Reply::Pong(pong) => ("pong", json!({ "version": pong.version, "ready": pong.ready, "why": pong.why })),
        Reply::Need(need) => ("need", need_json(*need)),
        Reply::Status(status) => ("status", status_json(status)),
        Reply::Accepted(accepted) => {
            let last = accepted.last_failure.as_ref();
            let fields = json!({
                "factor": accepted.factor.as_str(),
                "recovery_left": accepted.recovery_left,
                "failures_since": accepted.failures_since,
                "last_failure": last.map(|last| json!({ "time": last.time, "service": last.service.as_str() })),
            });
            ("accepted", fields)
        }
        Reply::Enrollment(enrollment) => ("enrollment", enrollment_json(enrollment)),
        Reply::Enrolled(codes) => ("enrolled", json!({ "recovery_codes": codes_json(codes) })),
        Reply::Done => ("done", json!({})),
        Reply::Backup { records } => ("backup", json!({ "records": records })),
        Reply::RecoveryCodes(codes) => ("recovery_codes", json!({ "recovery_codes": codes_json(codes) })),
        Reply::Issued(issued) => ("issued", json!({ "code": issued.code.expose(), "expires_at": issued.expires_at })),
        Reply::Keys(Keys { id, made_at, old, records, left }) => {
            // `id` alone would be the response's own.
            ("keys", json!({ "key": id, "made_at": made_at, "old": old, "records": records, "left": left }))
        }
        Reply::Policy(policy) => {
            let fields = json!({
                "enforcement": enforcement_json(policy.enforcement),
                "stored": policy.stored,
                "enforced": policy.enforced,
                "first_factor": policy.first_factor.as_str(),
                "enroll": policy.enroll.as_str(),
                "replace": policy.replace.as_str(),
            });
            ("policy", fields)
        }
        Reply::Accounts(_) | Reply::Profile(_) | Reply::Imported(_) | Reply::Log(_) | Reply::Stats(_) => {
            ("", json!({}))
        }
    };
    headed(message.id, ("reply", name), fields)
}

fn headed(id: u64, (key, name): (&str, &str), mut fields: Value) -> Value {
    fields["id"] = json!(id);
    fields[key] = json!(name);
    fields
}

fn enforcement_json(enforcement: Enforcement) -> Value {
    match enforcement {
        Enforcement::Off => json!("off"),
        Enforcement::On => json!("on"),
        Enforcement::After { time } => json!({ "after": time }),
    }
}

fn codes_json(codes: &RecoveryCodes) -> Value {
    codes.as_slice().iter().map(|code| code.expose()).collect()
}

fn account_json(account: &Account) -> Value {
    match account {
        Account::Name(name) => json!({ "realm": name.realm.as_str(), "user": name.user.as_str() }),
        Account::Handle(handle) => json!({ "handle": handle.to_string() }),
    }
}

fn proof_json(proof: &Proof) -> Value {
    match proof {
        Proof::Asserted => json!("asserted"),
        Proof::Password(password) => json!({ "password": typed_json(password.expose()) }),
    }
}

/// What a person typed is text for a reader of the vectors, where it is text at all.
fn typed_json(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes).map_or_else(|_| json!({ "hex": HEXLOWER.encode(bytes) }), |text| json!(text))
}

fn context_json(context: &Context) -> Value {
    json!({
        "service": context.service.as_str(), "rhost": context.rhost.as_str(), "tty": context.tty.as_str(),
    })
}

fn refusal_json(refusal: Refusal) -> Value {
    let name = match refusal {
        Refusal::Denied => "denied",
        Refusal::TryLater { seconds } => return json!({ "refusal": "try_later", "seconds": seconds }),
        Refusal::EnrollmentRequired => "enrollment_required",
        Refusal::NotPermitted => "not_permitted",
        Refusal::Unavailable => "unavailable",
        Refusal::Malformed => "malformed",
        Refusal::Unsupported => "unsupported",
    };
    json!({ "refusal": name })
}

fn need_json(need: Need) -> Value {
    match need {
        Need::Code => json!({ "need": "code" }),
        Need::Enroll { ticket } => json!({ "need": "enroll", "ticket": ticket }),
        Need::Nothing => json!({ "need": "nothing" }),
        Need::Locked => json!({ "need": "locked" }),
    }
}

fn status_json(status: &Status) -> Value {
    json!({
        "realm": status.realm.as_str(),
        "user": status.user.as_str(),
        "state": status.state.as_str(),
        "enforced": status.enforced,
        "recovery_left": status.recovery_left,
        "enrolled_at": status.enrolled_at,
        "last_success": status.last_success,
        "failures_since": status.failures_since,
        "retry_after": status.retry_after,
    })
}

fn enrollment_json(enrollment: &Enrollment) -> Value {
    json!({
        "enrollment": enrollment.id.to_string(),
        "uri": enrollment.uri.expose(),
        "qr": { "size": enrollment.qr.size(), "bits": HEXLOWER.encode(&packed(&enrollment.qr)) },
        "expires_at": enrollment.expires_at,
        "handle": enrollment.handle.to_string(),
    })
}

/// The modules as bytes again, put together here from single modules, so that the order of the bits is checked.
fn packed(qr: &QrMatrix) -> Vec<u8> {
    let size = qr.size();
    let modules: Vec<_> = (0..size).flat_map(|row| (0..size).map(move |column| (row, column))).collect();
    let bit = |(bit, &(row, column)): (usize, &(u8, u8))| u8::from(qr.is_dark(row, column)) << (7 - bit);
    modules.chunks(8).map(|eight| eight.iter().enumerate().map(bit).sum()).collect()
}
