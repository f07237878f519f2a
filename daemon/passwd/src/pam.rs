//! The system's PAM, asked once: all that passes between this program and libpam.
//!
//! The interface is written down by hand, as far as it is used: it has not changed since Linux-PAM 1.0, and so neither
//! headers nor a generator are needed to build.
//!
//! MUST: the one file of this program with `unsafe`; one question that hides what is typed gets the password, and no other
//! gets anything; no copy of the password is freed here that was not wiped; the process has one thread.
#![expect(unsafe_code, reason = "libpam is C, and calls back")]

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::slice;

use crate::verdict::{BUF_ERR, CONV_ERR, Outcome, SUCCESS};

/// Bytes of an answer to a module, its NUL included (`PAM_MAX_RESP_SIZE`).
pub(crate) const LONGEST_RESPONSE: usize = 512;

/// Forgets the environment: a module would read from it where its configuration, its tickets and its helpers lie. It stays
/// empty, as modules know where to look.
pub(crate) fn clear_environment() {
    // SAFETY: this is the first line of the one thread, which holds no pointer into the environment. It cannot fail.
    unsafe { libc::clearenv() };
}

/// Whether this is the password of this user, and whether his account may be used.
pub(crate) fn ask(user: &CStr, password: &[u8]) -> Outcome {
    let conversation = Conversation { password, given: Cell::new(false), refused: Cell::new(false) };
    let (authentication, account) = match Handle::start(user, &conversation) {
        Ok(mut handle) => {
            let authentication = handle.authenticate();
            (authentication, (authentication == SUCCESS).then(|| handle.account()))
        }
        Err(code) => (code, None),
    };
    Outcome { authentication, account, given: conversation.given.get(), refused: conversation.refused.get() }
}

/// What modules are told. They may ask as often as they like.
struct Conversation<'p> {
    password: &'p [u8],
    given: Cell<bool>,
    refused: Cell<bool>,
}

impl Conversation<'_> {
    /// Which of these messages is the question for the password, if any. An error when one asks for anything else: the first
    /// question that hides what is typed is taken for the password's, and a second is not, since nobody knows what it means.
    fn judge(&self, styles: &[c_int]) -> Result<Option<usize>, Refused> {
        let mut asked = None;
        for (index, style) in styles.iter().enumerate() {
            match *style {
                ERROR_MSG | TEXT_INFO => {}
                PROMPT_ECHO_OFF if asked.is_none() && !self.given.get() => asked = Some(index),
                _ => return Err(Refused),
            }
        }
        Ok(asked)
    }

    /// Answers messages with an array that libpam frees, and the password in it where it was asked for.
    fn respond(&self, styles: &[c_int]) -> Result<NonNull<Response>, c_int> {
        let asked = self.judge(styles).map_err(|_refused| CONV_ERR)?;
        let responses = zeroed(styles.len(), size_of::<Response>()).ok_or(BUF_ERR)?.cast::<Response>();
        let Some(index) = asked else { return Ok(responses) };
        let Some(text) = self.copy() else {
            // SAFETY: `zeroed` has allocated it, and nobody else knows it.
            unsafe { libc::free(responses.as_ptr().cast()) };
            return Err(BUF_ERR);
        };
        // SAFETY: the array has as many elements as there are styles, and the index is that of one.
        let response = unsafe { responses.add(index) };
        // SAFETY: it is an element of the array, which is as large and as aligned as malloc makes it, and ours.
        unsafe { response.write(Response { text: text.as_ptr(), code: 0 }) };
        self.given.set(true);
        Ok(responses)
    }

    /// The password as C wants it. Whoever is given it wipes and frees it.
    fn copy(&self) -> Option<NonNull<c_char>> {
        let text = zeroed(self.password.len().checked_add(1)?, 1)?;
        // SAFETY: both are as long as the password, the copy one zero longer, and a new allocation overlaps nothing.
        unsafe { ptr::copy_nonoverlapping(self.password.as_ptr(), text.as_ptr().cast(), self.password.len()) };
        Some(text.cast())
    }
}

/// A module asked for something that is not the password.
struct Refused;

/// A running transaction. Dropped, it is ended with the status of its last call.
struct Handle<'c> {
    transaction: NonNull<Transaction>,
    last: c_int,
    /// libpam holds a pointer to it.
    conversation: PhantomData<&'c Conversation<'c>>,
}

impl<'c> Handle<'c> {
    /// Starts a transaction in which no module delays: the daemon makes attackers wait, and a process that sleeps keeps
    /// others from being asked.
    fn start(user: &CStr, conversation: &'c Conversation<'c>) -> Result<Self, c_int> {
        let callback = Callback { converse, data: ptr::from_ref(conversation).cast_mut().cast() };
        let mut transaction = ptr::null_mut();
        // SAFETY: the texts end with a NUL, and libpam copies them and the callback. The conversation outlives the handle, and
        // `converse` reads it alone.
        let started = unsafe { pam_start(SERVICE.as_ptr(), user.as_ptr(), &raw const callback, &raw mut transaction) };
        let transaction = match NonNull::new(transaction) {
            Some(transaction) if started == SUCCESS => transaction,
            _ => return Err(if started == SUCCESS { BUF_ERR } else { started }),
        };
        let mut handle = Self { transaction, last: SUCCESS, conversation: PhantomData };
        // SAFETY: the transaction runs, and the item is a function of the type that libpam calls.
        handle.last = unsafe { pam_set_item(handle.transaction.as_ptr(), FAIL_DELAY, no_delay) };
        if handle.last == SUCCESS { Ok(handle) } else { Err(handle.last) }
    }

    fn authenticate(&mut self) -> c_int {
        // SAFETY: the transaction runs.
        self.last = unsafe { pam_authenticate(self.transaction.as_ptr(), SILENT | DISALLOW_NULL_AUTHTOK) };
        self.last
    }

    fn account(&mut self) -> c_int {
        // SAFETY: the transaction runs.
        self.last = unsafe { pam_acct_mgmt(self.transaction.as_ptr(), SILENT | DISALLOW_NULL_AUTHTOK) };
        self.last
    }
}

impl Drop for Handle<'_> {
    fn drop(&mut self) {
        // SAFETY: the transaction runs, and nobody uses it any more.
        unsafe { pam_end(self.transaction.as_ptr(), self.last) };
    }
}

/// What libpam calls when a module has something to say or to ask.
extern "C" fn converse(
    count: c_int,
    messages: *const *const Message,
    responses: *mut *mut Response,
    data: *mut c_void,
) -> c_int {
    // SAFETY: `Handle::start` has given it a conversation that lives as long as the transaction, and is changed through its
    // cells alone.
    let Some(conversation) = (unsafe { data.cast::<Conversation<'_>>().as_ref() }) else { return CONV_ERR };
    let answered = styles(count, messages).ok_or(CONV_ERR).and_then(|styles| conversation.respond(&styles));
    match (answered, NonNull::new(responses)) {
        (Ok(answered), Some(responses)) => {
            // SAFETY: libpam waits for the array in this place.
            unsafe { responses.write(answered.as_ptr()) };
            SUCCESS
        }
        // No module of libpam's forgets the place. If one does, what was allocated ends with the process.
        (Ok(_), None) => CONV_ERR,
        (Err(code), _) => {
            conversation.refused.set(true);
            code
        }
    }
}

/// What kind each message is of. What it says is nobody's concern: nobody reads it here.
fn styles(count: c_int, messages: *const *const Message) -> Option<Vec<c_int>> {
    let count = usize::try_from(count).ok().filter(|count| (1..=MOST_MESSAGES).contains(count))?;
    let messages = NonNull::new(messages.cast_mut())?;
    // SAFETY: Linux-PAM hands over an array of as many pointers as it says, which stays until we return.
    let messages = unsafe { slice::from_raw_parts(messages.as_ptr(), count) };
    // SAFETY: each is null or points to a message, which stays until we return.
    messages.iter().map(|message| unsafe { message.as_ref() }.map(|message| message.style)).collect()
}

/// What libpam calls instead of sleeping.
extern "C" fn no_delay(_status: c_int, _microseconds: c_uint, _data: *mut c_void) {}

/// Memory of zeros that libpam can free.
fn zeroed(count: usize, size: usize) -> Option<NonNull<c_void>> {
    // SAFETY: the call takes numbers alone.
    NonNull::new(unsafe { libc::calloc(count, size) })
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
    converse: extern "C" fn(c_int, *const *const Message, *mut *mut Response, *mut c_void) -> c_int,
    data: *mut c_void,
}

// By the name of the library itself: the one that compilers look for comes with the headers.
#[link(name = "libpam.so.0", kind = "dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    fn pam_start(
        service: *const c_char,
        user: *const c_char,
        callback: *const Callback,
        transaction: *mut *mut Transaction,
    ) -> c_int;
    fn pam_authenticate(transaction: *mut Transaction, flags: c_int) -> c_int;
    fn pam_acct_mgmt(transaction: *mut Transaction, flags: c_int) -> c_int;
    /// In C the item is a `void *`. The one item that is set here is a function.
    fn pam_set_item(
        transaction: *mut Transaction,
        item: c_int,
        value: extern "C" fn(c_int, c_uint, *mut c_void),
    ) -> c_int;
    fn pam_end(transaction: *mut Transaction, status: c_int) -> c_int;
}

const SERVICE: &CStr = c"mfad";

// Linux-PAM's numbers, which are the same on every architecture.
const SILENT: c_int = 0x8000;
const DISALLOW_NULL_AUTHTOK: c_int = 0x1;
const FAIL_DELAY: c_int = 10;
const PROMPT_ECHO_OFF: c_int = 1;
const ERROR_MSG: c_int = 3;
const TEXT_INFO: c_int = 4;
const MOST_MESSAGES: usize = 32;
