//! What the person is told.

use mfad_client::words;

/// The usual question for a code.
pub(crate) const CODE: &str = "Verification code: ";

/// The question for both factors in one.
pub(crate) const PASSWORD_AND_CODE: &str = "Password and verification code: ";

/// The question for the first factor of who has no second.
pub(crate) const PASSWORD: &str = "Password: ";

/// The question for what an administrator has issued.
pub(crate) const TICKET: &str = "Ticket from the administrator: ";

/// The question that shows that the app has the key.
pub(crate) const FIRST_CODE: &str = "First code from the app: ";

/// The question that shows that the recovery codes were seen.
pub(crate) const ONE_OF_THEM: &str = "Type one of these recovery codes to go on; it is not used up: ";

/// An answer to it that is wrong.
pub(crate) const NONE_OF_THEM: &str = "That is none of them.";

/// The third of them.
pub(crate) const NOT_SEEN: &str = "Make new recovery codes with: mfactl recovery";

/// Before an enrolment.
pub(crate) const SET_UP: &str = "A second factor is required here. Set it up now with any authenticator app.";

/// Before the QR code.
pub(crate) const SCAN: &str = "Scan this with it, or type the key into it:";

/// Before the key, on its line.
pub(crate) const TYPE_KEY: &str = "Key (time-based): ";

/// In the place of a QR code that no usual terminal shows whole.
pub(crate) const TOO_LARGE: &str = "Type the key into it. (Its QR code does not fit on a screen of 24 lines.)";

/// After the first code.
pub(crate) const IS_SET_UP: &str = "The app is set up. That code is used: the next one is good for a login.";

/// Before the recovery codes.
pub(crate) const KEEP: &str = "Keep these recovery codes apart from the phone. Each works once:";

/// Who needs a factor, has none, and may not set one up here.
pub(crate) const NOT_HERE: &str =
    "A second factor is required, and none is set up: run mfactl enroll, or ask the administrator.";

/// Only an administrator can help.
pub(crate) const LOCKED: &str = "This second factor is locked. Ask the administrator.";

/// No answer, or none that helps.
pub(crate) const UNAVAILABLE: &str = "The second factor cannot be checked now. Try again later.";

/// The daemon does not take this from such a program.
pub(crate) const NOT_PERMITTED: &str = "The second factor cannot be used here. Ask the administrator.";

/// Until when nothing is looked at, `seconds` after `now`, which is in Unix seconds.
pub(crate) fn too_soon(now: u64, seconds: u32) -> String {
    let until = words::moment(now.saturating_add(seconds.into()));
    // The time of day in RFC 3339, after the date and the T.
    let time = until.get(11..19).unwrap_or(&until);
    let unit = if seconds == 1 { "second" } else { "seconds" };
    format!("Too many failures: no code is looked at before {time} UTC ({seconds} {unit} from now).")
}

/// How many recovery codes are left, when they are few.
pub(crate) fn few_left(left: u32) -> Option<String> {
    let (codes, are) = if left == 1 { ("code", "is") } else { ("codes", "are") };
    (left <= FEW).then(|| format!("{left} recovery {codes} {are} left. Make new ones with: mfactl recovery"))
}

/// Of ten.
const FEW: u32 = 3;
