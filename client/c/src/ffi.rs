//! The functions of `libmfad`: all that passes between this crate and C. Their comments stand in `mfad.h`, and are written
//! for its readers.
//!
//! MUST: the one file of this crate with `unsafe`; no panic leaves it; what an argument points to is judged for NULL and
//! length before it is looked at; nothing is kept that belongs to the program.
#![expect(unsafe_code, reason = "C has pointers")]
#![expect(unreachable_pub, reason = "cbindgen reads what is public")]

use std::ffi::{CStr, OsStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::path::Path;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::Once;
use std::time::Duration;

use mfad_client::places;
use mfad_proto::{Account, Call, Code, Context, EnrollmentId, Issuer, Label, Password, Realm, RemoteHost, UserName};
use zeroize::Zeroizing;

use crate::answer;
use crate::handle::{Handle, Invalid};
use crate::outcome::Outcome;
use crate::shown::{Codes, Pending};
use crate::types::{Accepted, Login, MFAD_PROOF_ASSERTED, MFAD_PROOF_PASSWORD, Need, Pong, Proof, Secret, Status};

/// Makes a client for the users of a realm, on the realm's usual socket, /run/mfad/REALM/mfad.sock. It connects at the
/// first call. NULL when the name is not legal.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_new(realm: *const c_char) -> *mut Handle {
    guarded(ptr::null_mut(), || {
        let realm = text(realm).and_then(Realm::new);
        realm.map_or(ptr::null_mut(), |realm| handed_out(Handle::new(realm)))
    })
}

/// Closes the connection and frees the client. NULL is let be.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_free(client: *mut Handle) {
    free(client);
}

/// Chooses the socket by its path. Then this process's own uid may serve there as well.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_set_path(client: *mut Handle, path: *const c_char) -> Outcome {
    setting(client, |client| {
        let path = string(path).map(CStr::to_bytes).filter(|path| (1..=LONGEST_PATH).contains(&path.len()));
        let path = path.ok_or(Invalid("the path of the socket is empty or too long"))?;
        client.set_path(Path::new(OsStr::from_bytes(path)).to_owned(), false);
        Ok(())
    })
}

/// Chooses the public socket, /run/mfad/mfad.sock: there every process may ask about its own user in realm "system".
#[unsafe(no_mangle)]
pub extern "C" fn mfad_set_public(client: *mut Handle) -> Outcome {
    setting(client, |client| {
        client.set_path(places::public(), true);
        Ok(())
    })
}

/// Lets one more uid serve, besides root and the user "mfad": in a container with users of its own, the kernel names
/// another one.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_set_server_uid(client: *mut Handle, uid: u32) -> Outcome {
    setting(client, |client| {
        client.set_server_uid(uid);
        Ok(())
    })
}

/// Sets how long a call waits, in milliseconds, connecting included, and how long one that bears a password. Without
/// it: 5000 and 15000. Neither may be 0.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_set_deadlines(client: *mut Handle, milliseconds: u32, password_milliseconds: u32) -> Outcome {
    setting(client, |client| {
        if milliseconds == 0 || password_milliseconds == 0 {
            return Err(Invalid("a deadline is 0"));
        }
        let [deadline, longer] = [milliseconds, password_milliseconds].map(|span| Duration::from_millis(span.into()));
        client.set_deadlines(deadline, longer);
        Ok(())
    })
}

/// Sets the name that an authenticator app shows for the enrolments that mfad_enroll begins: 1 to 64 bytes without ':'.
/// NULL: the realm's.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_set_issuer(client: *mut Handle, issuer: *const c_char) -> Outcome {
    setting(client, |client| {
        let issuer = if issuer.is_null() {
            None
        } else {
            Some(text(issuer).and_then(Issuer::new).ok_or(Invalid("the issuer is not legal"))?)
        };
        client.set_issuer(issuer);
        Ok(())
    })
}

/// Connects, and checks who serves. Nothing is sent. It need not be called: each call connects when it must.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_connect(client: *mut Handle) -> Outcome {
    guarded(Outcome::Defect, || borrowed_mut(client).map_or(Outcome::Invalid, Handle::connect))
}

/// Closes the connection. The next call makes a new one. NULL is let be.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_close(client: *mut Handle) {
    guarded((), || borrowed_mut(client).map_or((), Handle::close));
}

/// Sets uid to that of the server, as the kernel names it. False, and uid is not set, without a connection.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_server_uid(client: *const Handle, uid: *mut u32) -> bool {
    guarded(false, || {
        let found = borrowed(client).and_then(Handle::server_uid).filter(|_| !uid.is_null());
        found.map(|found| write(uid, found)).is_some()
    })
}

/// After MFAD_RESULT_TRY_LATER: how many seconds to wait. Else 0.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_retry_after(client: *const Handle) -> u32 {
    guarded(0, || borrowed(client).map_or(0, |client| client.told().retry_after))
}

/// After a failure of the system's, such as MFAD_RESULT_NOT_RUNNING: its errno. Else 0.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_os_error(client: *const Handle) -> c_int {
    guarded(0, || borrowed(client).map_or(0, |client| client.told().os_error))
}

/// What went wrong in the latest call, for a log: more than mfad_result_text knows, and never a secret. Empty when
/// nothing did. It stays until the client is used again.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_message(client: *const Handle) -> *const c_char {
    guarded(c"".as_ptr(), || borrowed(client).map_or(Outcome::Invalid.text(), |client| &client.told().message).as_ptr())
}

/// The name of a result, such as "MFAD_RESULT_DENIED". It stays for ever.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_result_name(result: c_int) -> *const c_char {
    Outcome::of(result).map_or(c"unknown", Outcome::name).as_ptr()
}

/// A sentence that a person may be told. It stays for ever.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_result_text(result: c_int) -> *const c_char {
    Outcome::of(result).map_or(c"An unknown result.", Outcome::text).as_ptr()
}

/// A text as a secret: all of it up to its NUL. Of NULL {NULL, 0}, which no call takes.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_secret_text(text: *const c_char) -> Secret {
    let length = string(text).map_or(0, CStr::count_bytes);
    Secret { data: text.cast(), length }
}

/// Asks how the server is. pong may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_ping(client: *mut Handle, pong: *mut Pong) -> Outcome {
    asking(client, Out::optional(pong), |_| Ok(Call::Ping), answer::pong)
}

/// Asks what this login needs next. It changes nothing. MFAD_RESULT_OK is no yes here: look at need.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_begin(client: *mut Handle, login: *const Login, need: *mut Need) -> Outcome {
    let call = |client: &Handle| {
        let (account, context) = login_of(client, login)?;
        Ok(Call::Begin { account, context })
    };
    asking(client, Out::needed(need), call, answer::need)
}

/// Asks how the account of a user stands. It changes nothing.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_status(client: *mut Handle, user: *const c_char, account: *mut Status) -> Outcome {
    let call = |client: &Handle| Ok(Call::Status { account: account_of(client, user)? });
    asking(client, Out::needed(account), call, answer::status)
}

/// Asks whether this code is right, now, for the first time. Each is accepted once. Recovery codes are codes, too.
/// accepted may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_verify(
    client: *mut Handle,
    login: *const Login,
    code: Secret,
    accepted: *mut Accepted,
) -> Outcome {
    let call = |client: &Handle| {
        let (account, context) = login_of(client, login)?;
        Ok(Call::Verify { account, code: code_of(code)?, context })
    };
    asking(client, Out::optional(accepted), call, answer::code_accepted)
}

/// Begins an enrolment, or resumes the pending one with the same key. ticket is NULL where the realm asks for none.
/// A factor that works goes on to work until mfad_confirm.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_enroll(
    client: *mut Handle,
    login: *const Login,
    proof: *const Proof,
    ticket: *const Secret,
    enrollment: *mut *mut Pending,
) -> Outcome {
    let call = |client: &Handle| {
        let (account, context) = login_of(client, login)?;
        let ticket = borrowed(ticket).map(|ticket| code_of(*ticket)).transpose()?;
        Ok(Call::Enroll { account, proof: proof_of(proof)?, ticket, issuer: client.issuer(), context })
    };
    let read = |reply| answer::enrollment(reply).map(handed_out);
    asking(client, Out::needed(enrollment), call, read)
}

/// Finishes an enrolment with its first code. enrollment_id is what mfad_enrollment_id says. Show the recovery codes
/// this once.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_confirm(
    client: *mut Handle,
    user: *const c_char,
    enrollment_id: *const c_char,
    code: Secret,
    codes: *mut *mut Codes,
) -> Outcome {
    let call = |client: &Handle| {
        let enrollment = text(enrollment_id).and_then(EnrollmentId::new);
        let enrollment = enrollment.ok_or(Invalid("the id of the enrolment is not legal"))?;
        Ok(Call::Confirm { account: account_of(client, user)?, enrollment, code: code_of(code)? })
    };
    asking(client, Out::needed(codes), call, |reply| answer::enrolled(reply).map(handed_out))
}

/// Gives up the factor, with the first factor and a code. Where none is enforced, the factor is gone and *enrollment is
/// NULL. Where one is, a new enrolment begins, and the old factor works until mfad_confirm.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_reset(
    client: *mut Handle,
    login: *const Login,
    proof: *const Proof,
    code: Secret,
    enrollment: *mut *mut Pending,
) -> Outcome {
    let call = |client: &Handle| {
        let (account, context) = login_of(client, login)?;
        Ok(Call::Reset { account, proof: proof_of(proof)?, code: code_of(code)?, context })
    };
    let read = |reply| Some(answer::reset(reply)?.map_or(ptr::null_mut(), handed_out));
    asking(client, Out::needed(enrollment), call, read)
}

/// Asks about a password and a code, both at once, and is not told which of them was wrong. code is empty ("" and 0)
/// where the person gave none. accepted may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_authenticate(
    client: *mut Handle,
    login: *const Login,
    password: Secret,
    code: Secret,
    accepted: *mut Accepted,
) -> Outcome {
    let call = |client: &Handle| {
        let (account, context) = login_of(client, login)?;
        Ok(Call::Authenticate { account, password: password_of(password)?, code: code_of(code)?, context })
    };
    asking(client, Out::optional(accepted), call, answer::accepted)
}

/// Makes new recovery codes, with the first factor and a code. Those that were left are void. Show the new ones this
/// once.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_recovery(
    client: *mut Handle,
    user: *const c_char,
    proof: *const Proof,
    code: Secret,
    codes: *mut *mut Codes,
) -> Outcome {
    let call = |client: &Handle| {
        Ok(Call::Recovery { account: account_of(client, user)?, proof: proof_of(proof)?, code: code_of(code)? })
    };
    asking(client, Out::needed(codes), call, |reply| answer::recovery_codes(reply).map(handed_out))
}

/// Follows an app whose clock is wrong, with the first factor and two codes that it showed one after the other.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_resync(
    client: *mut Handle,
    user: *const c_char,
    proof: *const Proof,
    first: Secret,
    second: Secret,
) -> Outcome {
    let call = |client: &Handle| {
        let (first, second) = (code_of(first)?, code_of(second)?);
        Ok(Call::Resync { account: account_of(client, user)?, proof: proof_of(proof)?, first, second })
    };
    asking(client, Out::NOTHING, call, answer::done)
}

/// Changes the password that the server keeps. code is empty ("" and 0) where the account has no factor.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_passwd(
    client: *mut Handle,
    user: *const c_char,
    old_password: Secret,
    code: Secret,
    new_password: Secret,
) -> Outcome {
    let call = |client: &Handle| {
        let (old, new) = (password_of(old_password)?, password_of(new_password)?);
        Ok(Call::Passwd { account: account_of(client, user)?, old, code: code_of(code)?, new })
    };
    asking(client, Out::NOTHING, call, answer::done)
}

/// The id of the enrolment, for mfad_confirm: 32 hexadecimal digits. This text and the next four stay until
/// mfad_enrollment_free. NULL of NULL.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_enrollment_id(enrollment: *const Pending) -> *const c_char {
    part(enrollment, |enrollment| &enrollment.id)
}

/// The otpauth://totp/ URI that an app scans. Secret. NULL of NULL.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_enrollment_uri(enrollment: *const Pending) -> *const c_char {
    part(enrollment, |enrollment| &enrollment.uri)
}

/// The key alone, in base32, to be typed into an app. Secret. NULL of NULL.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_enrollment_key(enrollment: *const Pending) -> *const c_char {
    part(enrollment, |enrollment| &enrollment.key)
}

/// The public name of this enrolment. It is no key and opens nothing. NULL of NULL.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_enrollment_handle(enrollment: *const Pending) -> *const c_char {
    part(enrollment, |enrollment| &enrollment.handle)
}

/// The QR code for a dark terminal, in half blocks of UTF-8, with its quiet zone. Secret. NULL of NULL.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_enrollment_picture(enrollment: *const Pending) -> *const c_char {
    part(enrollment, |enrollment| &enrollment.picture)
}

/// Modules a side of the QR code, without the quiet zone: leave four light ones on each side. 0 of NULL.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_enrollment_qr_size(enrollment: *const Pending) -> u32 {
    guarded(0, || borrowed(enrollment).map_or(0, |enrollment| enrollment.qr.size().into()))
}

/// Whether a module of the QR code is dark. Rows and columns begin at 0; outside all is light.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_enrollment_qr_is_dark(enrollment: *const Pending, row: u32, column: u32) -> bool {
    guarded(false, || match (borrowed(enrollment), row.try_into(), column.try_into()) {
        (Some(enrollment), Ok(row), Ok(column)) => enrollment.qr.is_dark(row, column),
        (_, _, _) => false,
    })
}

/// When the enrolment lapses, in Unix seconds. 0 of NULL.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_enrollment_expires_at(enrollment: *const Pending) -> u64 {
    guarded(0, || borrowed(enrollment).map_or(0, |enrollment| enrollment.expires_at))
}

/// Wipes and frees. NULL is let be.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_enrollment_free(enrollment: *mut Pending) {
    free(enrollment);
}

/// How many recovery codes there are: at most 10. 0 of NULL.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_codes_count(codes: *const Codes) -> usize {
    guarded(0, || borrowed(codes).map_or(0, |codes| codes.0.len()))
}

/// A recovery code, from index 0 on. Secret. It stays until mfad_codes_free. NULL where there is none.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_codes_at(codes: *const Codes, index: usize) -> *const c_char {
    guarded(ptr::null(), || {
        let code = borrowed(codes).and_then(|codes| codes.0.get(index));
        code.map_or(ptr::null(), |code| code.as_ptr().cast())
    })
}

/// Wipes and frees. NULL is let be.
#[unsafe(no_mangle)]
pub extern "C" fn mfad_codes_free(codes: *mut Codes) {
    free(codes);
}

/// Runs it; a panic is `defect`, and says nothing: the usual hook reads the environment and writes to a descriptor that belongs
/// to the program. The hook is that of this library's own copy of Rust.
fn guarded<T>(defect: T, run: impl FnOnce() -> T) -> T {
    static SILENCE: Once = Once::new();
    SILENCE.call_once(|| set_hook(Box::new(|_panic| {})));
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(defect)
}

fn setting(client: *mut Handle, set: impl FnOnce(&mut Handle) -> Result<(), Invalid>) -> Outcome {
    guarded(Outcome::Defect, || {
        let Some(client) = borrowed_mut(client) else { return Outcome::Invalid };
        match set(client) {
            Ok(()) => client.is_set(),
            Err(invalid) => client.is_invalid(&invalid),
        }
    })
}

/// One call from its arguments to where its answer goes.
fn asking<T>(
    client: *mut Handle,
    out: Out<T>,
    call: impl FnOnce(&Handle) -> Result<Call, Invalid>,
    read: impl FnOnce(mfad_proto::Reply) -> Option<T>,
) -> Outcome {
    out.clear();
    guarded(Outcome::Defect, || {
        let Some(client) = borrowed_mut(client) else { return Outcome::Invalid };
        let call = if out.is_missing() { Err(Invalid("there is no place for the answer")) } else { call(client) };
        match call.map_err(|invalid| client.is_invalid(&invalid)).and_then(|call| client.ask(call, read)) {
            Ok(answer) => {
                out.fill(answer);
                Outcome::Ok
            }
            Err(outcome) => outcome,
        }
    })
}

/// Where an answer goes.
struct Out<T> {
    place: *mut T,
    needed: bool,
}

impl Out<()> {
    const NOTHING: Self = Self::optional(ptr::null_mut());
}

impl<T> Out<T> {
    const fn needed(place: *mut T) -> Self {
        Self { place, needed: true }
    }

    const fn optional(place: *mut T) -> Self {
        Self { place, needed: false }
    }

    const fn is_missing(&self) -> bool {
        self.needed && self.place.is_null()
    }

    fn clear(&self) {
        if !self.place.is_null() {
            // SAFETY: the program gives a place for one of these. Nothing of it is read here.
            unsafe { ptr::write_bytes(self.place, 0, 1) };
        }
    }

    fn fill(self, answer: T) {
        if !self.place.is_null() {
            write(self.place, answer);
        }
    }
}

fn write<T>(place: *mut T, value: T) {
    // SAFETY: the program gives a place for one of these, and what stood there needs no end.
    unsafe { place.write(value) };
}

fn account_of(client: &Handle, user: *const c_char) -> Result<Account, Invalid> {
    text(user).and_then(UserName::new).map(|user| client.account(user)).ok_or(Invalid("the user's name is not legal"))
}

fn login_of(client: &Handle, login: *const Login) -> Result<(Account, Context), Invalid> {
    let login = borrowed(login).ok_or(Invalid("there is no login"))?;
    let context = Context {
        service: Label::cut(&said(login.service)),
        rhost: RemoteHost::cut(&said(login.rhost)),
        tty: Label::cut(&said(login.tty)),
    };
    Ok((account_of(client, login.user)?, context))
}

/// The beginning of what a program says of a login, in any case longer than what of it is sent.
fn said(text: *const c_char) -> String {
    let bytes = string(text).map(CStr::to_bytes).unwrap_or_default();
    String::from_utf8_lossy(bytes.get(..MOST_SAID).unwrap_or(bytes)).into_owned()
}

fn proof_of(proof: *const Proof) -> Result<mfad_proto::Proof, Invalid> {
    let proof = borrowed(proof).ok_or(Invalid("there is no proof"))?;
    match proof.kind {
        MFAD_PROOF_ASSERTED if proof.password.data.is_null() => Ok(mfad_proto::Proof::Asserted),
        MFAD_PROOF_PASSWORD => password_of(proof.password).map(mfad_proto::Proof::Password),
        _ => Err(Invalid("the proof is none")),
    }
}

fn code_of(code: Secret) -> Result<Code, Invalid> {
    secret(code, Code::MAX).and_then(Code::new).ok_or(Invalid("a code is NULL or longer than 64 bytes"))
}

fn password_of(password: Secret) -> Result<Password, Invalid> {
    let password = secret(password, Password::MAX).and_then(Password::new);
    password.ok_or(Invalid("a password is NULL or longer than 1024 bytes"))
}

/// A copy of a secret, unless it is longer than any.
fn secret(secret: Secret, longest: usize) -> Option<Zeroizing<Vec<u8>>> {
    let data = NonNull::new(secret.data.cast_mut())?;
    if secret.length > longest {
        return None;
    }
    // SAFETY: the program gives so many bytes, which stay until the function returns.
    let bytes = unsafe { slice::from_raw_parts(data.as_ptr().cast::<u8>(), secret.length) };
    Some(Zeroizing::new(bytes.to_vec()))
}

/// A text of the program's.
fn string<'a>(text: *const c_char) -> Option<&'a CStr> {
    let text = NonNull::new(text.cast_mut())?;
    // SAFETY: a text of C ends with a NUL, and this one stays until the function returns: nothing is kept of it.
    Some(unsafe { CStr::from_ptr(text.as_ptr()) })
}

fn text<'a>(text: *const c_char) -> Option<&'a str> {
    string(text)?.to_str().ok()
}

fn borrowed<'a, T>(thing: *const T) -> Option<&'a T> {
    // SAFETY: a program gives what this library has handed out and it has not freed, or what it has filled by itself, and
    // nobody writes there until the function returns.
    unsafe { thing.as_ref() }
}

fn borrowed_mut<'a, T>(thing: *mut T) -> Option<&'a mut T> {
    // SAFETY: as above; and one thread at a time uses it.
    unsafe { thing.as_mut() }
}

fn part(
    enrollment: *const Pending,
    part: impl FnOnce(&'static Pending) -> &'static Zeroizing<Vec<u8>>,
) -> *const c_char {
    guarded(ptr::null(), || borrowed(enrollment).map_or(ptr::null(), |enrollment| part(enrollment).as_ptr().cast()))
}

fn handed_out<T>(thing: T) -> *mut T {
    Box::into_raw(Box::new(thing))
}

fn free<T>(thing: *mut T) {
    guarded((), || {
        if !thing.is_null() {
            // SAFETY: it is what this library has handed out, and the program gives it back once.
            drop(unsafe { Box::from_raw(thing) });
        }
    });
}

/// Bytes of the longest path that a socket can have.
const LONGEST_PATH: usize = 107;

/// Bytes of what a program says of a login that are looked at.
const MOST_SAID: usize = 1024;

#[cfg(test)]
mod tests {
    use std::panic::take_hook;

    use super::guarded;
    use crate::outcome::Outcome;

    #[test]
    fn a_panic_is_a_defect() {
        assert_eq!(guarded(Outcome::Defect, || panic!("planted")), Outcome::Defect);
        assert_eq!(guarded(Outcome::Defect, || Outcome::Ok), Outcome::Ok);
        // The other tests' panics are to be told.
        drop(take_hook());
    }
}
