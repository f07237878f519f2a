//! Messages as the JSON that `proto/PROTOCOL.md` section 13 describes, secrets included: they can be neither printed nor
//! compared otherwise, on purpose.

use data_encoding::HEXLOWER;
use mfad_proto::{
    Account, AccountName, Call, Context, Enforcement, Enrollment, Failure, ForeignFactor, Imported, Keys, Label,
    Listed, ListedHandle, LogFault, LogFilter, LogFinding, LogLine, LogPage, LogPlace, Need, Profile, Proof, QrMatrix,
    Realm, RecoveryCodes, Refusal, Reply, Request, Response, Sample, StatsPlace, Status, UserName,
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
        Call::List { realm, after, limit } | Call::ListHandles { realm, after, limit } => {
            json!({ "realm": realm.as_str(), "after": after.as_ref().map(UserName::as_str), "limit": limit })
        }
        Call::Show { account } => json!({ "account": account_json(account) }),
        Call::ImportOne { account, factor, apply } => {
            let ForeignFactor { key, algorithm, digits } = factor;
            let factor = json!({
                "key": HEXLOWER.encode(key.expose()), "algorithm": algorithm.as_str(), "digits": digits.count(),
            });
            json!({ "account": account_json(account), "factor": factor, "apply": apply })
        }
        Call::Audit { after, filter, verify } => {
            json!({ "after": after.map(log_place_json), "filter": filter_json(filter), "verify": verify })
        }
        Call::Stats { after } => json!({ "after": after.as_ref().map(stats_place_json) }),
        Call::KeyStatus | Call::KeyRotate => json!({}),
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
            let fields = json!({
                "factor": accepted.factor.as_str(),
                "recovery_left": accepted.recovery_left,
                "failures_since": accepted.failures_since,
                "last_failure": accepted.last_failure.as_ref().map(failure_json),
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
        Reply::Accounts(page) => {
            let accounts: Value = page.accounts.iter().map(listed_json).collect();
            ("accounts", json!({ "accounts": accounts, "next": page.next.as_ref().map(UserName::as_str) }))
        }
        Reply::Profile(profile) => ("profile", profile_json(profile)),
        Reply::Imported(Imported { already, handle }) => {
            ("imported", json!({ "already": already, "handle": handle.map(|handle| handle.to_string()) }))
        }
        Reply::Log(page) => ("log", log_json(page)),
        Reply::Stats(page) => {
            let samples: Value = page.samples.iter().map(sample_json).collect();
            ("stats", json!({ "samples": samples, "next": page.next.as_ref().map(stats_place_json) }))
        }
        Reply::Handles(page) => {
            let handles: Value = page.handles.iter().map(listed_handle_json).collect();
            ("handles", json!({ "handles": handles, "next": page.next.as_ref().map(UserName::as_str) }))
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
        Account::Name(name) => name_json(name),
        Account::Handle(handle) => json!({ "handle": handle.to_string() }),
    }
}

fn name_json(name: &AccountName) -> Value {
    json!({ "realm": name.realm.as_str(), "user": name.user.as_str() })
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

fn failure_json(failure: &Failure) -> Value {
    json!({ "time": failure.time, "service": failure.service.as_str() })
}

fn listed_json(listed: &Listed) -> Value {
    json!({
        "user": listed.user.as_str(),
        "state": listed.state.as_str(),
        "enforced": listed.enforced,
        "enrolled_at": listed.enrolled_at,
        "last_success": listed.last_success,
        "recovery_left": listed.recovery_left,
        "failures_since": listed.failures_since,
        "retry_after": listed.retry_after,
        "holder": listed.holder.as_str(),
    })
}

fn listed_handle_json(listed: &ListedHandle) -> Value {
    json!({
        "handle": listed.handle.to_string(),
        "user": listed.user.as_str(),
        "stage": listed.stage.as_str(),
        "since": listed.since,
    })
}

fn profile_json(profile: &Profile) -> Value {
    let factor = profile.factor.as_ref().map(|factor| {
        json!({
            "algorithm": factor.algorithm.as_str(),
            "digits": factor.digits.count(),
            "behind": factor.behind,
            "ahead": factor.ahead,
            "handle": factor.handle.to_string(),
        })
    });
    json!({
        "status": status_json(&profile.status),
        "holder": profile.holder.as_str(),
        "uid": profile.uid,
        "factor": factor,
        "generation": profile.generation,
        "pending_until": profile.pending_until,
        "issued_until": profile.issued_until,
        "has_password": profile.has_password,
        "last_failure": profile.last_failure.as_ref().map(failure_json),
        "password_retry_after": profile.password_retry_after,
        "login_retry_after": profile.login_retry_after,
        "own_locked": profile.own_locked,
    })
}

fn log_place_json(place: LogPlace) -> Value {
    json!({ "file": place.file, "offset": place.offset })
}

fn filter_json(filter: &LogFilter) -> Value {
    json!({
        "realm": filter.realm.as_ref().map(Realm::as_str),
        "user": filter.user.as_ref().map(UserName::as_str),
        "since": filter.since,
        "until": filter.until,
        "outcome": filter.outcome.as_ref().map(Label::as_str),
    })
}

fn log_json(page: &LogPage) -> Value {
    let finding = |finding: &LogFinding| json!({ "file": finding.file, "line": finding.line, "fault": fault_json(finding.fault) });
    json!({
        "lines": page.lines.iter().map(LogLine::as_str).collect::<Vec<_>>(),
        "findings": page.findings.iter().map(finding).collect::<Vec<_>>(),
        "passed": page.passed,
        "next": page.next.map(log_place_json),
    })
}

fn fault_json(fault: LogFault) -> Value {
    match fault {
        LogFault::Changed => json!("changed"),
        LogFault::Missing { lines } => json!({ "missing": lines }),
        LogFault::Lost { lines } => json!({ "lost": lines }),
        LogFault::Crashed => json!("crashed"),
        LogFault::Cut { lines } => json!({ "cut": lines }),
        LogFault::NoFile => json!("no_file"),
    }
}

fn stats_place_json(place: &StatsPlace) -> Value {
    match place {
        StatsPlace::Sample(number) => json!({ "sample": number }),
        StatsPlace::Account(name) => json!({ "account": name.as_ref().map(name_json) }),
    }
}

fn sample_json(sample: &Sample) -> Value {
    let labels: Vec<_> = sample.labels.iter().map(Label::as_str).collect();
    json!({ "metric": sample.metric, "labels": labels, "value": sample.value })
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
