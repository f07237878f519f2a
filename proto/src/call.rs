//! What a client may ask. Calls are appended, never renumbered.

use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};

use crate::account::{Account, Realm, UserName};
use crate::enrollment::EnrollmentId;
use crate::import::ForeignFactor;
use crate::log::{LogFilter, LogPlace};
use crate::policy::Enforcement;
use crate::secret::{Code, Password};
use crate::stats::StatsPlace;
use crate::text::{Issuer, Label, Note, RemoteHost};

/// One request: its id comes back in the response. Id 0 is the server's own.
#[derive(Encode)]
pub struct Request {
    /// Chosen by the client, not 0, unique among those it waits for.
    pub id: u64,
    /// What is asked.
    pub call: Call,
}

/// The calls by their wire numbers.
pub enum Call {
    /// 0: is the server there, and well?
    Ping,
    /// 1: what does this login need next?
    Begin {
        /// Who logs in.
        account: Account,
        /// Where the login comes from.
        context: Context,
    },
    /// 2: how does this account stand?
    Status {
        /// Whose.
        account: Account,
    },
    /// 3: is this code right, now, for the first time?
    Verify {
        /// Whose code.
        account: Account,
        /// The code as it was typed.
        code: Code,
        /// Where the login comes from.
        context: Context,
    },
    /// 4: begin an enrolment, or resume the pending one.
    Enroll {
        /// Whose.
        account: Account,
        /// That the first factor was given.
        proof: Proof,
        /// A code of the administrator, where the realm asks for one.
        ticket: Option<Code>,
        /// The name an authenticator app shows; the realm's when absent.
        issuer: Option<Issuer>,
        /// Where the request comes from.
        context: Context,
    },
    /// 5: finish an enrolment with its first code.
    Confirm {
        /// Whose.
        account: Account,
        /// Which enrolment.
        enrollment: EnrollmentId,
        /// Its first code.
        code: Code,
    },
    /// 6: give up the current factor, with the first factor and a code.
    Reset {
        /// Whose.
        account: Account,
        /// That the first factor was given.
        proof: Proof,
        /// A current code of the factor.
        code: Code,
        /// Where the request comes from.
        context: Context,
    },
    /// 7: are password and code right, both at once?
    Authenticate {
        /// Who logs in.
        account: Account,
        /// The password as it was typed.
        password: Password,
        /// The code as it was typed; empty when none was.
        code: Code,
        /// Where the login comes from.
        context: Context,
    },
    /// 8: make new recovery codes, which replace those that are left.
    Recovery {
        /// Whose.
        account: Account,
        /// That the first factor was given.
        proof: Proof,
        /// A current code of the factor, or a recovery code.
        code: Code,
    },
    /// 9: the app's clock differs from the server's: follow it.
    Resync {
        /// Whose.
        account: Account,
        /// That the first factor was given.
        proof: Proof,
        /// A code of the factor.
        first: Code,
        /// The code that the app showed right after it.
        second: Code,
    },
    /// 10: change the password that the server keeps.
    Passwd {
        /// Whose.
        account: Account,
        /// The password until now.
        old: Password,
        /// A current code of the factor; empty when there is none.
        code: Code,
        /// The password from now on. Not empty.
        new: Password,
    },
    /// 11: which accounts does the realm have?
    List {
        /// Which realm.
        realm: Realm,
        /// Only those whose names come after this one.
        after: Option<UserName>,
        /// At most so many; a page may hold fewer.
        limit: u32,
    },
    /// 12: everything about an account that is no secret.
    Show {
        /// Which.
        account: Account,
    },
    /// 13: take a lost factor away.
    Disable {
        /// Whose.
        account: Account,
        /// Why, for the audit.
        reason: Note,
    },
    /// 14: lift the stop that too many failures brought.
    Unlock {
        /// Whose.
        account: Account,
    },
    /// 15: issue one recovery code for who has lost everything else.
    Recover {
        /// For whom.
        account: Account,
    },
    /// 16: forget the account.
    Remove {
        /// Which.
        account: Account,
    },
    /// 17: say whether the realm asks everybody for a second factor.
    SetPolicy {
        /// Which realm.
        realm: Realm,
        /// From when on.
        enforcement: Enforcement,
    },
    /// 18: what are the rules of the realm?
    GetPolicy {
        /// Which realm.
        realm: Realm,
    },
    /// 19: set the password that the server keeps.
    SetPassword {
        /// Whose.
        account: Account,
        /// The password from now on. Not empty.
        password: Password,
    },
    /// 20: take over a factor that another program has kept.
    ImportOne {
        /// For whom.
        account: Account,
        /// The factor.
        factor: ForeignFactor,
        /// Whether to do it; else only to judge it.
        apply: bool,
    },
    /// 21: what has happened?
    Audit {
        /// Where the page before this one ended; the oldest line when absent.
        after: Option<LogPlace>,
        /// Which lines.
        filter: LogFilter,
        /// Whether to look for edits, cuts and losses instead: then no line is shown.
        verify: bool,
    },
    /// 22: what does the server measure of itself?
    Stats {
        /// Where the page before this one ended.
        after: Option<StatsPlace>,
    },
    /// 23: which key seals the records?
    KeyStatus,
    /// 24: make a new key, and seal every record with it.
    KeyRotate,
    /// 25: hand over everything, sealed under this passphrase.
    Backup {
        /// Not empty.
        passphrase: Password,
    },
    /// 26: which handles do the accounts of the realm bear?
    ListHandles {
        /// Which realm.
        realm: Realm,
        /// Only those of users whose names come after this one.
        after: Option<UserName>,
        /// Those of at most so many accounts; a page may hold fewer.
        limit: u32,
    },
}

/// Writes down once what each call is on the wire and in a log: its number, its name in lower case, and its fields in their
/// order.
macro_rules! calls {
    ($($number:literal $name:ident $word:literal { $($field:ident),* })*) => {
        impl Encode for Call {
            fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
                match self {
                    $(Self::$name { $($field),* } => {
                        u32::encode(&$number, encoder)?;
                        $($field.encode(encoder)?;)*
                    })*
                }
                Ok(())
            }
        }

        impl<C> Decode<C> for Call {
            fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
                match u32::decode(decoder)? {
                    $($number => Ok(Self::$name { $($field: Decode::decode(decoder)?),* }),)*
                    _ => Err(DecodeError::Other("an unknown call")),
                }
            }
        }

        impl Call {
            /// Whether this crate knows a call of this number.
            pub(crate) fn is_known(number: u32) -> bool {
                [$($number),*].contains(&number)
            }

            /// Which call this is, without its fields.
            #[must_use]
            pub const fn kind(&self) -> CallKind {
                match self {
                    $(Self::$name { .. } => CallKind::$name,)*
                }
            }
        }

        /// The name of a call.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each bears the name of its call")]
        pub enum CallKind {
            $($name,)*
        }

        impl CallKind {
            /// All of them, in the order of their wire numbers.
            pub const ALL: [Self; [$($number),*].len()] = [$(Self::$name),*];

            /// The name in lower case, for logs.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

calls! {
    0 Ping "ping" {}
    1 Begin "begin" { account, context }
    2 Status "status" { account }
    3 Verify "verify" { account, code, context }
    4 Enroll "enroll" { account, proof, ticket, issuer, context }
    5 Confirm "confirm" { account, enrollment, code }
    6 Reset "reset" { account, proof, code, context }
    7 Authenticate "authenticate" { account, password, code, context }
    8 Recovery "recovery" { account, proof, code }
    9 Resync "resync" { account, proof, first, second }
    10 Passwd "passwd" { account, old, code, new }
    11 List "list" { realm, after, limit }
    12 Show "show" { account }
    13 Disable "disable" { account, reason }
    14 Unlock "unlock" { account }
    15 Recover "recover" { account }
    16 Remove "remove" { account }
    17 SetPolicy "set_policy" { realm, enforcement }
    18 GetPolicy "get_policy" { realm }
    19 SetPassword "set_password" { account, password }
    20 ImportOne "import_one" { account, factor, apply }
    21 Audit "audit" { after, filter, verify }
    22 Stats "stats" { after }
    23 KeyStatus "key_status" {}
    24 KeyRotate "key_rotate" {}
    25 Backup "backup" { passphrase }
    26 ListHandles "list_handles" { realm, after, limit }
}

impl Call {
    /// Whether a password comes with it, which takes its time to be judged or hashed.
    #[must_use]
    pub const fn bears_password(&self) -> bool {
        match self {
            Self::Authenticate { .. } | Self::Passwd { .. } | Self::SetPassword { .. } => true,
            Self::Enroll { proof, .. }
            | Self::Reset { proof, .. }
            | Self::Recovery { proof, .. }
            | Self::Resync { proof, .. } => matches!(proof, Proof::Password(_)),
            Self::Ping
            | Self::Begin { .. }
            | Self::Status { .. }
            | Self::Verify { .. }
            | Self::Confirm { .. }
            | Self::List { .. }
            | Self::Show { .. }
            | Self::Disable { .. }
            | Self::Unlock { .. }
            | Self::Recover { .. }
            | Self::Remove { .. }
            | Self::SetPolicy { .. }
            | Self::GetPolicy { .. }
            | Self::ImportOne { .. }
            | Self::Audit { .. }
            | Self::Stats { .. }
            | Self::KeyStatus
            | Self::KeyRotate
            | Self::Backup { .. }
            | Self::ListHandles { .. } => false,
        }
    }
}

impl Call {
    /// The account that it is about, where it is about one.
    #[must_use]
    pub const fn account_mut(&mut self) -> Option<&mut Account> {
        match self {
            Self::Begin { account, .. }
            | Self::Status { account }
            | Self::Verify { account, .. }
            | Self::Enroll { account, .. }
            | Self::Confirm { account, .. }
            | Self::Reset { account, .. }
            | Self::Authenticate { account, .. }
            | Self::Recovery { account, .. }
            | Self::Resync { account, .. }
            | Self::Passwd { account, .. }
            | Self::Show { account }
            | Self::Disable { account, .. }
            | Self::Unlock { account }
            | Self::Recover { account }
            | Self::Remove { account }
            | Self::SetPassword { account, .. }
            | Self::ImportOne { account, .. } => Some(account),
            Self::Ping
            | Self::List { .. }
            | Self::SetPolicy { .. }
            | Self::GetPolicy { .. }
            | Self::Audit { .. }
            | Self::Stats { .. }
            | Self::KeyStatus
            | Self::KeyRotate
            | Self::Backup { .. }
            | Self::ListHandles { .. } => None,
        }
    }
}

impl CallKind {
    /// Whether the call changes nothing, so that sending it a second time is harmless.
    #[must_use]
    pub const fn is_read_only(self) -> bool {
        matches!(
            self,
            Self::Ping
                | Self::Begin
                | Self::Status
                | Self::List
                | Self::Show
                | Self::GetPolicy
                | Self::Audit
                | Self::Stats
                | Self::KeyStatus
                | Self::Backup
                | Self::ListHandles
        )
    }
}

/// How the first factor was shown.
#[derive(Encode, Decode)]
pub enum Proof {
    /// The caller vouches for it: only a peer with the right to is believed.
    Asserted,
    /// The account's password, for the server to judge.
    Password(Password),
}

/// Where a login comes from, in the caller's words. Empty means unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct Context {
    /// The service, such as `sshd`.
    pub service: Label,
    /// The remote host.
    pub rhost: RemoteHost,
    /// The terminal.
    pub tty: Label,
}
