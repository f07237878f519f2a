//! Linux-PAM as a program that somebody logs in through uses it: in this process, with services in a folder of the test's
//! own, and with a conversation that a test leads.
//!
//! The interface is written down by hand, as far as it is used, as the password helper and the module do it.
//!
//! MUST: the one file of this package with `unsafe`; a transaction ends when it is dropped; nothing sleeps.
#![expect(unsafe_code, reason = "libpam is C, and calls back")]

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::marker::PhantomData;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{self, NonNull};
use std::slice;

/// How a module's message is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A question whose answer is not shown.
    Hidden,
    /// A question whose answer is shown.
    Shown,
    /// What went wrong.
    Error,
    /// What there is to know.
    Info,
}

impl Style {
    /// Whether an answer is awaited.
    #[must_use]
    pub const fn asks(self) -> bool {
        matches!(self, Self::Hidden | Self::Shown)
    }
}

/// What a program gives back for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// This text.
    Text(String),
    /// Nothing, and that it went well: right for what is no question.
    Nothing,
    /// That the conversation has failed.
    Refusal,
}

/// What somebody says to modules: each message gets an answer.
pub struct Conversation<'c>(RefCell<Box<Lead<'c>>>);

type Lead<'c> = dyn FnMut(Style, &str) -> Answer + 'c;

impl<'c> Conversation<'c> {
    /// Led by this.
    pub fn new(answer: impl FnMut(Style, &str) -> Answer + 'c) -> Self {
        Self(RefCell::new(Box::new(answer)))
    }

    /// Answers messages with an array that the module frees.
    fn respond(&self, messages: &[(Style, String)]) -> Result<NonNull<Response>, c_int> {
        let mut answer = self.0.try_borrow_mut().map_err(|_nested| CONV_ERR)?;
        let texts = messages.iter().map(|(style, text)| match answer(*style, text) {
            Answer::Text(text) => CString::new(text).map(Some).map_err(|_inner_nul| CONV_ERR),
            Answer::Nothing => Ok(None),
            Answer::Refusal => Err(CONV_ERR),
        });
        let texts: Vec<_> = texts.collect::<Result<_, _>>()?;
        // SAFETY: the call takes numbers alone.
        let responses = unsafe { libc::calloc(texts.len(), size_of::<Response>()) };
        let responses = NonNull::new(responses).ok_or(BUF_ERR)?.cast::<Response>();
        for (index, text) in texts.iter().enumerate() {
            let Some(text) = text else { continue };
            // SAFETY: the text ends with a NUL.
            let text = unsafe { libc::strdup(text.as_ptr()) };
            // SAFETY: the array has as many elements as there are messages, and the index is that of one.
            let response = unsafe { responses.add(index) };
            // SAFETY: it is an element of the array, which is as large and as aligned as malloc makes it, and ours.
            unsafe { response.write(Response { text, code: 0 }) };
        }
        Ok(responses)
    }
}

/// A text that a program may tell about a login, or ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// Who logs in: `PAM_USER`.
    User,
    /// On what: `PAM_TTY`.
    Terminal,
    /// From where: `PAM_RHOST`.
    RemoteHost,
    /// Who asks for it: `PAM_RUSER`.
    RemoteUser,
}

impl Item {
    const fn number(self) -> c_int {
        match self {
            Self::User => 2,
            Self::Terminal => 3,
            Self::RemoteHost => 4,
            Self::RemoteUser => 8,
        }
    }
}

/// What a program asks of PAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// `pam_authenticate`.
    Authenticate,
    /// `pam_setcred`.
    SetCredentials,
    /// `pam_acct_mgmt`.
    Account,
    /// `pam_open_session`.
    OpenSession,
    /// `pam_close_session`.
    CloseSession,
    /// `pam_chauthtok`.
    ChangePassword,
}

impl Step {
    /// All of them, in the order of a login.
    pub const ALL: [Self; 6] = [
        Self::Authenticate,
        Self::Account,
        Self::SetCredentials,
        Self::OpenSession,
        Self::CloseSession,
        Self::ChangePassword,
    ];
}

/// From `pam_start` to `pam_end`.
pub struct Transaction<'c> {
    transaction: NonNull<Opaque>,
    last: c_int,
    /// libpam holds a pointer to it.
    conversation: PhantomData<&'c ()>,
}

impl<'c> Transaction<'c> {
    /// Starts one of this service, which is a file in this folder, in which no module delays.
    ///
    /// # Panics
    /// When libpam does not start.
    #[must_use]
    pub fn start(services: &Path, service: &str, user: Option<&str>, conversation: &'c Conversation<'_>) -> Self {
        let (services, service) = (terminated(services.as_os_str().as_bytes()), terminated(service.as_bytes()));
        let user = user.map(|user| terminated(user.as_bytes()));
        let user = user.as_ref().map_or(ptr::null(), |user| user.as_ptr());
        let callback = Callback { converse, data: ptr::from_ref(conversation).cast_mut().cast() };
        let mut transaction = ptr::null_mut();
        let (callback, place, services) = (&raw const callback, &raw mut transaction, services.as_ptr());
        // SAFETY: the texts end with a NUL or are not there, and libpam copies them and the callback. The conversation outlives
        // the transaction, and `converse` reads it alone.
        let started = unsafe { pam_start_confdir(service.as_ptr(), user, callback, services, place) };
        assert_eq!(started, SUCCESS, "libpam does not start");
        let transaction = NonNull::new(transaction).expect("a transaction");
        let no_delay: extern "C" fn(c_int, c_uint, *mut c_void) = no_delay;
        let transaction = Self { transaction, last: SUCCESS, conversation: PhantomData };
        assert_eq!(transaction.set_raw(FAIL_DELAY, no_delay as *const c_void), SUCCESS, "libpam delays");
        transaction
    }

    /// Takes a step with these flags, and returns what PAM says.
    pub fn take(&mut self, step: Step, flags: c_int) -> c_int {
        let take = match step {
            Step::Authenticate => pam_authenticate,
            Step::SetCredentials => pam_setcred,
            Step::Account => pam_acct_mgmt,
            Step::OpenSession => pam_open_session,
            Step::CloseSession => pam_close_session,
            Step::ChangePassword => pam_chauthtok,
        };
        // SAFETY: the transaction runs, and every one of these functions takes it and flags.
        self.last = unsafe { take(self.transaction.as_ptr(), flags) };
        self.last
    }

    /// Tells PAM about the login.
    ///
    /// # Panics
    /// When it does not listen.
    pub fn set(&self, item: Item, text: &str) {
        let text = terminated(text.as_bytes());
        assert_eq!(self.set_raw(item.number(), text.as_ptr().cast()), SUCCESS, "{item:?} is not set");
    }

    fn set_raw(&self, item: c_int, value: *const c_void) -> c_int {
        // SAFETY: the transaction runs, and the value is a text that ends with a NUL, which libpam copies, or the function of
        // the type that it calls.
        unsafe { pam_set_item(self.transaction.as_ptr(), item, value) }
    }

    /// What PAM knows about the login.
    #[must_use]
    pub fn get(&self, item: Item) -> Option<String> {
        let mut value = ptr::null();
        // SAFETY: the transaction runs, and the place is one for a pointer.
        let found = unsafe { pam_get_item(self.transaction.as_ptr(), item.number(), &raw mut value) };
        let value = NonNull::new(value.cast_mut()).filter(|_| found == SUCCESS)?;
        // SAFETY: these items end with a NUL, and stay until they are set anew.
        Some(unsafe { CStr::from_ptr(value.as_ptr().cast()) }.to_string_lossy().into_owned())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // SAFETY: the transaction runs, and nobody uses it any more.
        unsafe { pam_end(self.transaction.as_ptr(), self.last) };
    }
}

/// What happens at a signal: for each, the handler's address and its flags.
#[must_use]
pub fn dispositions() -> Vec<(usize, c_int)> {
    let disposition = |signal| {
        // SAFETY: zeros are a disposition.
        let mut old: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: the call changes nothing, and writes to a place of the right type.
        unsafe { libc::sigaction(signal, ptr::null(), &raw mut old) };
        (old.sa_sigaction, old.sa_flags)
    };
    (1..=64).map(disposition).collect()
}

/// Lets a broken pipe kill this process, as it does sshd, sudo and login; Rust's own programs ignore it.
pub fn let_broken_pipes_kill() {
    // SAFETY: it is a disposition that the kernel knows, and nobody else sets it.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// What libpam calls when a module has something to say or to ask.
extern "C" fn converse(
    count: c_int,
    messages: *const *const Message,
    responses: *mut *mut Response,
    data: *mut c_void,
) -> c_int {
    // SAFETY: `Transaction::start` has given it a conversation that lives as long as the transaction, and is changed through
    // its cell alone.
    let Some(conversation) = (unsafe { data.cast::<Conversation<'_>>().as_ref() }) else { return CONV_ERR };
    match read(count, messages).ok_or(CONV_ERR).and_then(|messages| conversation.respond(&messages)) {
        Ok(answered) => {
            // SAFETY: the module waits for the array in this place.
            unsafe { responses.write(answered.as_ptr()) };
            SUCCESS
        }
        Err(code) => code,
    }
}

fn read(count: c_int, messages: *const *const Message) -> Option<Vec<(Style, String)>> {
    let count = usize::try_from(count).ok().filter(|count| (1..=MOST_MESSAGES).contains(count))?;
    // SAFETY: Linux-PAM hands over an array of as many pointers as it says, which stays until we return.
    let messages = unsafe { slice::from_raw_parts(messages, count) };
    let read = |message: &*const Message| {
        // SAFETY: each is null or points to a message, which stays until we return.
        let Message { style, text } = unsafe { message.as_ref() }?;
        let style = match style {
            1 => Style::Hidden,
            2 => Style::Shown,
            3 => Style::Error,
            4 => Style::Info,
            _ => return None,
        };
        // SAFETY: a message's text ends with a NUL, and stays until we return.
        Some((style, unsafe { CStr::from_ptr(*text) }.to_str().ok()?.to_owned()))
    };
    messages.iter().map(read).collect()
}

/// What libpam calls instead of sleeping.
extern "C" fn no_delay(_status: c_int, _microseconds: c_uint, _data: *mut c_void) {}

fn terminated(bytes: &[u8]) -> CString {
    CString::new(bytes).expect("a text without a NUL")
}

/// `pam_handle_t`, of which only libpam knows what is in it.
#[repr(C)]
struct Opaque {
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
    fn pam_start_confdir(
        service: *const c_char,
        user: *const c_char,
        callback: *const Callback,
        services: *const c_char,
        transaction: *mut *mut Opaque,
    ) -> c_int;
    fn pam_authenticate(transaction: *mut Opaque, flags: c_int) -> c_int;
    fn pam_setcred(transaction: *mut Opaque, flags: c_int) -> c_int;
    fn pam_acct_mgmt(transaction: *mut Opaque, flags: c_int) -> c_int;
    fn pam_open_session(transaction: *mut Opaque, flags: c_int) -> c_int;
    fn pam_close_session(transaction: *mut Opaque, flags: c_int) -> c_int;
    fn pam_chauthtok(transaction: *mut Opaque, flags: c_int) -> c_int;
    fn pam_set_item(transaction: *mut Opaque, item: c_int, value: *const c_void) -> c_int;
    fn pam_get_item(transaction: *const Opaque, item: c_int, value: *mut *const c_void) -> c_int;
    fn pam_end(transaction: *mut Opaque, status: c_int) -> c_int;
}

// Linux-PAM's numbers, which are the same on every architecture.

/// `PAM_SUCCESS`.
pub const SUCCESS: c_int = 0;
/// `PAM_SERVICE_ERR`.
pub const SERVICE_ERR: c_int = 3;
/// `PAM_PERM_DENIED`: also what a stack says that has no opinion.
pub const PERM_DENIED: c_int = 6;
/// `PAM_AUTH_ERR`: also what `pam_deny` says.
pub const AUTH_ERR: c_int = 7;
/// `PAM_AUTHINFO_UNAVAIL`.
pub const AUTHINFO_UNAVAIL: c_int = 9;
/// `PAM_MAXTRIES`.
pub const MAXTRIES: c_int = 11;
/// `PAM_IGNORE`.
pub const IGNORE: c_int = 25;

const BUF_ERR: c_int = 5;
const CONV_ERR: c_int = 19;
const FAIL_DELAY: c_int = 10;
const MOST_MESSAGES: usize = 32;
