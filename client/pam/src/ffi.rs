//! The module as libpam sees it: all that passes between this crate and C.
//!
//! The interface is written down by hand, as far as it is used: it has not changed since Linux-PAM 1.0, and so neither
//! headers nor a generator are needed to build.
//!
//! MUST: the one file of this crate with `unsafe`; no panic leaves it; `PAM_USER` is never set; what a person has typed, and
//! every secret that is shown, is wiped before its memory is freed.
#![expect(unsafe_code, reason = "libpam is C")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::ptr::{self, NonNull};
use std::slice;

use mfad_client::module::ModuleOptions;
use zeroize::{Zeroize, Zeroizing};

use crate::application::{Aborted, Application, Echo, Item, Severity, Typed};
use crate::daemon::Remote;
use crate::login::login;
use crate::outcome::{Outcome, ReturnCode};

/// `pam_sm_authenticate(3)`. Flags change nothing: whoever is silent about failed tries keeps them from their owner.
#[unsafe(no_mangle)]
extern "C" fn pam_sm_authenticate(
    transaction: *mut Transaction,
    _flags: c_int,
    count: c_int,
    arguments: *const *const c_char,
) -> c_int {
    denying_panics(|| {
        let Some(mut handle) = NonNull::new(transaction).map(Handle) else { return ReturnCode::AuthErr };
        let Some(words) = words(count, arguments) else { return ReturnCode::ServiceErr };
        match ModuleOptions::parse(words.iter().map(String::as_str)) {
            Ok(options) => login(&options, &mut handle, &mut Remote::new(&options)),
            Err(word) => {
                let outcome = Outcome::Misconfigured;
                handle.warn(crate::words::NOT_PERMITTED);
                handle.log(Severity::Error, &format!("second factor {outcome}: {word}"));
                outcome.code(ModuleOptions::default().fail)
            }
        }
    })
}

/// `pam_sm_setcred(3)`: there are none. It is the same without an earlier authentication, since sshd authenticates in
/// another process.
#[unsafe(no_mangle)]
extern "C" fn pam_sm_setcred(_: *mut Transaction, _: c_int, _: c_int, _: *const *const c_char) -> c_int {
    ReturnCode::Ignore.number()
}

/// `pam_sm_acct_mgmt(3)`: whether an account may be used is for others to say.
#[unsafe(no_mangle)]
extern "C" fn pam_sm_acct_mgmt(_: *mut Transaction, _: c_int, _: c_int, _: *const *const c_char) -> c_int {
    ReturnCode::Ignore.number()
}

/// `pam_sm_open_session(3)`: nothing is to be done.
#[unsafe(no_mangle)]
extern "C" fn pam_sm_open_session(_: *mut Transaction, _: c_int, _: c_int, _: *const *const c_char) -> c_int {
    ReturnCode::Ignore.number()
}

/// `pam_sm_close_session(3)`: nothing is to be done.
#[unsafe(no_mangle)]
extern "C" fn pam_sm_close_session(_: *mut Transaction, _: c_int, _: c_int, _: *const *const c_char) -> c_int {
    ReturnCode::Ignore.number()
}

/// `pam_sm_chauthtok(3)`: factors are changed with `mfactl`.
#[unsafe(no_mangle)]
extern "C" fn pam_sm_chauthtok(_: *mut Transaction, _: c_int, _: c_int, _: *const *const c_char) -> c_int {
    ReturnCode::Ignore.number()
}

/// Runs it; a panic denies, and says nothing: the usual hook reads the environment and writes to a descriptor that belongs to
/// the program.
fn denying_panics(run: impl FnOnce() -> ReturnCode) -> c_int {
    set_hook(Box::new(|_panic| {}));
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(ReturnCode::AuthErr).number()
}

/// The words behind the module's name in its line of the stack.
fn words(count: c_int, arguments: *const *const c_char) -> Option<Vec<String>> {
    let count = usize::try_from(count).ok()?;
    if count == 0 {
        return Some(Vec::new());
    }
    let arguments = NonNull::new(arguments.cast_mut())?;
    // SAFETY: libpam hands over an array of as many pointers as it says, which stays until the entry point returns.
    let arguments = unsafe { slice::from_raw_parts(arguments.as_ptr(), count) };
    arguments.iter().map(|argument| text(*argument)).collect()
}

/// A copy of a text of libpam's; `None` where there is none.
fn text(text: *const c_char) -> Option<String> {
    let text = NonNull::new(text.cast_mut())?;
    // SAFETY: libpam's texts end with a NUL, and stay until the entry point returns or the item is set.
    Some(unsafe { CStr::from_ptr(text.as_ptr()) }.to_string_lossy().into_owned())
}

/// A running transaction, for the time of one entry point.
struct Handle(NonNull<Transaction>);

impl Handle {
    fn item(&self, number: c_int) -> Option<NonNull<c_void>> {
        let mut item = ptr::null();
        // SAFETY: the transaction runs, and the place is one for a pointer.
        let found = unsafe { pam_get_item(self.0.as_ptr(), number, &raw mut item) };
        NonNull::new(item.cast_mut()).filter(|_| found == SUCCESS)
    }

    /// Hands messages to the program, and returns an answer to each that is a question. The texts end with a NUL.
    fn converse(&self, messages: &[(c_int, Zeroizing<Vec<u8>>)]) -> Result<Vec<Option<Typed>>, Aborted> {
        let callback = self.item(CONVERSATION).ok_or(Aborted)?.cast::<Callback>();
        // SAFETY: the item is a callback, which stays until it is set anew.
        let Callback { converse, data } = unsafe { callback.read() };
        let converse = converse.ok_or(Aborted)?;
        let messages: Vec<_> =
            messages.iter().map(|(style, text)| Message { style: *style, text: text.as_ptr().cast() }).collect();
        let pointers: Vec<*const Message> = messages.iter().map(ptr::from_ref).collect();
        let count = c_int::try_from(pointers.len()).map_err(|_e| Aborted)?;
        let mut responses = ptr::null_mut();
        let said = converse(count, pointers.as_ptr(), &raw mut responses, data);
        // What comes with a failure belongs to nobody, as in every module of Linux-PAM.
        if said != SUCCESS {
            return Err(Aborted);
        }
        Ok(NonNull::new(responses).map_or_else(Vec::new, |responses| take(responses, pointers.len())))
    }

    fn tell(&self, style: c_int, lines: &[&str]) -> Result<(), Aborted> {
        for lines in lines.chunks(MOST_MESSAGES) {
            let messages: Vec<_> = lines.iter().map(|line| (style, terminated(line))).collect();
            self.converse(&messages)?;
        }
        Ok(())
    }
}

impl Application for Handle {
    fn user(&mut self) -> Result<Vec<u8>, Aborted> {
        let mut user = ptr::null();
        // SAFETY: the transaction runs, and the place is one for a pointer. Without a prompt of ours, libpam has its own.
        let found = unsafe { pam_get_user(self.0.as_ptr(), &raw mut user, ptr::null()) };
        let user = NonNull::new(user.cast_mut()).filter(|_| found == SUCCESS).ok_or(Aborted)?;
        // SAFETY: the name ends with a NUL, and stays until it is set anew.
        Ok(unsafe { CStr::from_ptr(user.as_ptr()) }.to_bytes().to_vec())
    }

    fn item(&self, item: Item) -> String {
        let number = match item {
            Item::Service => SERVICE,
            Item::User => USER,
            Item::RemoteHost => REMOTE_HOST,
            Item::Terminal => TERMINAL,
        };
        self.item(number).and_then(|item| text(item.as_ptr().cast())).unwrap_or_default()
    }

    fn password(&self) -> Option<Typed> {
        let password = self.item(PASSWORD)?.cast::<c_char>();
        // SAFETY: the item ends with a NUL, and stays until it is set anew.
        Some(Zeroizing::new(unsafe { CStr::from_ptr(password.as_ptr()) }.to_bytes().to_vec()))
    }

    fn leave_password(&mut self, password: &[u8]) -> Result<(), Aborted> {
        let password = terminated_bytes(password);
        // SAFETY: the transaction runs, and the text ends with a NUL; libpam copies it.
        let set = unsafe { pam_set_item(self.0.as_ptr(), PASSWORD, password.as_ptr().cast()) };
        if set == SUCCESS { Ok(()) } else { Err(Aborted) }
    }

    fn show(&mut self, lines: &[&str]) -> Result<(), Aborted> {
        self.tell(TEXT_INFO, lines)
    }

    fn warn(&mut self, line: &str) {
        // A person who has gone needs no warning; the next question finds that out.
        self.tell(ERROR_MSG, &[line]).ok();
    }

    fn ask(&mut self, question: &str, echo: Echo) -> Result<Typed, Aborted> {
        let style = match echo {
            Echo::On => PROMPT_ECHO_ON,
            Echo::Off => PROMPT_ECHO_OFF,
        };
        self.converse(&[(style, terminated(question))])?.pop().flatten().ok_or(Aborted)
    }

    fn log(&self, severity: Severity, line: &str) {
        let priority = match severity {
            Severity::Alert => LOG_ALERT,
            Severity::Error => LOG_ERR,
            Severity::Notice => LOG_NOTICE,
            Severity::Debug => LOG_DEBUG,
        };
        let line = terminated(line);
        // SAFETY: the transaction runs, and the format takes the one text that is given, which ends with a NUL.
        unsafe { pam_syslog(self.0.as_ptr(), priority, c"%s".as_ptr(), line.as_ptr().cast::<c_char>()) };
    }
}

/// Takes the answers over, wipes them where the program has put them, and frees that.
fn take(responses: NonNull<Response>, count: usize) -> Vec<Option<Typed>> {
    // SAFETY: a program that reports success has allocated as many responses as there were messages, and left them to us.
    let given = unsafe { slice::from_raw_parts(responses.as_ptr(), count) };
    let typed = given.iter().map(|response| {
        let text = NonNull::new(response.text)?;
        // SAFETY: an answer ends with a NUL, and is ours.
        let length = unsafe { CStr::from_ptr(text.as_ptr()) }.count_bytes();
        // SAFETY: so long it is, and nobody else reads or writes it.
        let bytes = unsafe { slice::from_raw_parts_mut(text.as_ptr().cast::<u8>(), length) };
        let typed = Zeroizing::new(bytes.to_vec());
        bytes.zeroize();
        // SAFETY: the program has allocated it for us to free, and it is used no more.
        unsafe { libc::free(text.as_ptr().cast()) };
        Some(typed)
    });
    let typed = typed.collect();
    // SAFETY: as the answers.
    unsafe { libc::free(responses.as_ptr().cast()) };
    typed
}

fn terminated(text: &str) -> Zeroizing<Vec<u8>> {
    terminated_bytes(text.as_bytes())
}

/// The text as C wants it, up to its first NUL.
fn terminated_bytes(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut copy = Zeroizing::new(Vec::with_capacity(text.len().saturating_add(1)));
    copy.extend(text.iter().take_while(|byte| **byte != 0));
    copy.push(0);
    copy
}

/// `pam_handle_t`, of which only libpam knows what is in it.
#[repr(C)]
struct Transaction {
    opaque: [u8; 0],
}

/// `struct pam_message`.
#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

/// `struct pam_response`.
#[repr(C)]
struct Response {
    text: *mut c_char,
    code: c_int,
}

/// `struct pam_conv`.
#[repr(C)]
struct Callback {
    converse: Option<extern "C" fn(c_int, *const *const Message, *mut *mut Response, *mut c_void) -> c_int>,
    data: *mut c_void,
}

// By the name of the library itself: the one that compilers look for comes with the headers.
#[link(name = "libpam.so.0", kind = "dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    fn pam_get_item(transaction: *const Transaction, item: c_int, value: *mut *const c_void) -> c_int;
    fn pam_set_item(transaction: *mut Transaction, item: c_int, value: *const c_void) -> c_int;
    fn pam_get_user(transaction: *mut Transaction, user: *mut *const c_char, prompt: *const c_char) -> c_int;
    fn pam_syslog(transaction: *const Transaction, priority: c_int, format: *const c_char, ...);
}

// Linux-PAM's numbers, which are the same on every architecture.
const SUCCESS: c_int = 0;
const SERVICE: c_int = 1;
const USER: c_int = 2;
const TERMINAL: c_int = 3;
const REMOTE_HOST: c_int = 4;
const CONVERSATION: c_int = 5;
const PASSWORD: c_int = 6;
const PROMPT_ECHO_OFF: c_int = 1;
const PROMPT_ECHO_ON: c_int = 2;
const ERROR_MSG: c_int = 3;
const TEXT_INFO: c_int = 4;
const MOST_MESSAGES: usize = 32;

// Those of syslog(3).
const LOG_ALERT: c_int = 1;
const LOG_ERR: c_int = 3;
const LOG_NOTICE: c_int = 5;
const LOG_DEBUG: c_int = 7;

#[cfg(test)]
mod tests {
    use std::panic::take_hook;

    use super::denying_panics;
    use crate::outcome::ReturnCode;

    #[test]
    fn a_panic_denies() {
        assert_eq!(denying_panics(|| panic!("planted")), ReturnCode::AuthErr.number());
        assert_eq!(denying_panics(|| ReturnCode::Success), 0);
        // The other tests' panics are to be told.
        drop(take_hook());
    }
}
