/*
 * libmfad: asks mfad, the local second-factor verifier, from C and C++.
 *
 *     mfad_client *client = mfad_new("system");
 *     mfad_login login = {"alice", "myservice", NULL, NULL};
 *     if (mfad_verify(client, &login, mfad_secret_text(code), NULL) == MFAD_RESULT_OK)
 *         let_in();
 *     mfad_free(client);
 *
 * Only MFAD_RESULT_OK is a yes; of mfad_begin it says no more than that need is set. Every
 * other result lets nobody in.
 *
 * Pointers. No argument may be NULL unless its function says so; one that is NULL all the same, too long or no
 * UTF-8 is MFAD_RESULT_INVALID, and nothing is sent. What an argument points to is copied, and needed no
 * longer than the function runs. A function that does not answer MFAD_RESULT_OK sets what its last argument
 * points to to zeros: free first what it holds. A setting that is refused changes nothing. Texts that are returned
 * end with a NUL, and are never NULL unless it is said.
 *
 * Secrets are given as pointer and length, and need no NUL. The library wipes its copies; wipe yours. What it hands
 * out with secrets in it is wiped when it is freed.
 *
 * Threads. A client is for one thread at a time; different clients do not know of each other. The library has no
 * threads, no signal handlers and no state of its own, reads nothing of the environment, and never raises SIGPIPE.
 * No function may be called in a signal handler. After fork(2) the child may free a client that it has inherited,
 * and makes one of its own.
 *
 * Waiting. A call waits until its deadline at most: 5 seconds, or 15 where a password is judged.
 */


#ifndef MFAD_H
#define MFAD_H

/* Made of client/c/src by cbindgen: change it there. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A proof that vouches for the first factor: the program has checked it by itself.
#define MFAD_PROOF_ASSERTED 1

// A proof that brings the password, for mfad to judge.
#define MFAD_PROOF_PASSWORD 2

// What a function answers. Only MFAD_RESULT_OK is a yes. Numbers are never changed; new ones may come.
typedef enum {
    // It went well.
    MFAD_RESULT_OK = 0,
    // Wrong, used or unknown: one answer for all. Show the words of mfad_result_text, and no others.
    MFAD_RESULT_DENIED = 1,
    // Too many failures: the request was not judged. mfad_retry_after says how long to wait.
    MFAD_RESULT_TRY_LATER = 2,
    // The password was right, and a second factor must be set up first. Only from mfad_authenticate.
    MFAD_RESULT_ENROLLMENT_REQUIRED = 3,
    // This process may not ask this.
    MFAD_RESULT_NOT_PERMITTED = 4,
    // The server cannot answer now.
    MFAD_RESULT_UNAVAILABLE = 5,
    // The server finds that the request breaks the protocol, such as an empty new password.
    MFAD_RESULT_MALFORMED = 6,
    // The server does not know or does not serve this, in this realm.
    MFAD_RESULT_UNSUPPORTED = 7,
    // Nobody listens on the socket. mfad_os_error says ENOENT or ECONNREFUSED.
    MFAD_RESULT_NOT_RUNNING = 16,
    // The socket is there, and cannot be used. mfad_os_error says why.
    MFAD_RESULT_CANNOT_CONNECT = 17,
    // Somebody else serves there: nothing was sent. See mfad_set_server_uid.
    MFAD_RESULT_WRONG_SERVER = 18,
    // The time is up, and nothing was judged, or the call changes nothing.
    MFAD_RESULT_DEADLINE = 19,
    // The server closed, and nothing was judged, or the call changes nothing.
    MFAD_RESULT_GONE = 20,
    // The request was sent, and no answer came: it may have been judged. Never send it again: ask for a new code.
    MFAD_RESULT_UNKNOWN_FATE = 21,
    // The server speaks other versions of the protocol.
    MFAD_RESULT_VERSION = 22,
    // The server broke the protocol.
    MFAD_RESULT_PROTOCOL = 23,
    // An argument is NULL, too long or not legal: nothing was sent.
    MFAD_RESULT_INVALID = 24,
    // A defect of this library: nothing is known of the request.
    MFAD_RESULT_DEFECT = 25,
} mfad_result;

// What a login needs next.
typedef enum {
    // A code: ask for it, then mfad_verify.
    MFAD_NEED_CODE = 1,
    // A second factor must be set up before the login goes on: mfad_enroll, then mfad_confirm.
    MFAD_NEED_ENROLL = 2,
    // The same, and mfad_enroll needs an administrator's ticket.
    MFAD_NEED_ENROLL_WITH_TICKET = 3,
    // Nothing: there is no second factor, and none is enforced.
    MFAD_NEED_NOTHING = 4,
    // Nobody gets in until an administrator acts: refuse the login.
    MFAD_NEED_LOCKED = 5,
} mfad_need;

// The state of a factor.
typedef enum {
    // No factor.
    MFAD_STATE_NONE = 1,
    // No factor yet: an enrolment waits for its first code.
    MFAD_STATE_PENDING = 2,
    // A working factor.
    MFAD_STATE_ACTIVE = 3,
    // Stopped until an administrator acts.
    MFAD_STATE_LOCKED = 4,
} mfad_state;

// What was accepted. Each of them is a yes.
typedef enum {
    // A time-based code.
    MFAD_FACTOR_TOTP = 1,
    // A recovery code.
    MFAD_FACTOR_RECOVERY = 2,
    // A password, where the account needs no more. Only from mfad_authenticate.
    MFAD_FACTOR_PASSWORD = 3,
} mfad_factor;

// Recovery codes, to be shown this once. Free them with mfad_codes_free.
typedef struct mfad_codes mfad_codes;

// A client: where the server is, and the connection to it. Make it with mfad_new, and free it with mfad_free.
typedef struct mfad_client mfad_client;

// A pending enrolment: what an authenticator app needs, once. Free it with mfad_enrollment_free.
typedef struct mfad_enrollment mfad_enrollment;

// A secret that a person has typed: length bytes, no NUL needed. An empty one is "" and 0, never NULL.
//
// A code has at most 64 bytes and a password 1024. Give a code as it was typed: the server judges it.
typedef struct {
    // The first byte.
    const void *data;
    // How many bytes there are.
    size_t length;
} mfad_secret;

// How the server is.
typedef struct {
    // Whether it answers requests.
    bool ready;
    // Its version, such as "0.1.0".
    char version[64];
    // One sentence on what is wrong; empty when all is well.
    char why[512];
} mfad_pong;

// Who logs in, and from where. The last three go to the audit log; each may be NULL, and one that is too long is cut.
typedef struct {
    // The user's name.
    const char *user;
    // The service, such as "sshd".
    const char *service;
    // The remote host.
    const char *rhost;
    // The terminal.
    const char *tty;
} mfad_login;

// How an account stands. Times are in Unix seconds.
typedef struct {
    // Its realm.
    char realm[33];
    // Its user, by the account's own name.
    char user[256];
    // Its factor.
    mfad_state state;
    // Whether a second factor is enforced for it now.
    bool enforced;
    // Recovery codes that are left.
    uint32_t recovery_left;
    // Codes that failed and nobody was told of yet.
    uint32_t failures_since;
    // Whether enrolled_at is set.
    bool has_enrolled_at;
    // When the factor was confirmed.
    uint64_t enrolled_at;
    // Whether last_success is set.
    bool has_last_success;
    // When a code was last accepted.
    uint64_t last_success;
    // Seconds until the next code is judged; 0 when it need not wait.
    uint32_t retry_after;
} mfad_account;

// A right code, and what the person should know about tries before it. Times are in Unix seconds.
typedef struct {
    // What was accepted.
    mfad_factor factor;
    // Recovery codes that are left.
    uint32_t recovery_left;
    // Tries that failed since the last success before this one.
    uint32_t failures_since;
    // Whether the next two fields are set.
    bool has_last_failure;
    // When the latest of them was.
    uint64_t last_failure_time;
    // What its service called itself. What is not printable stands there as '?'.
    char last_failure_service[65];
} mfad_accepted;

// That the first factor was given. One of zeros is none.
typedef struct {
    // MFAD_PROOF_ASSERTED or MFAD_PROOF_PASSWORD.
    int kind;
    // The password. With MFAD_PROOF_ASSERTED it must be {NULL, 0}.
    mfad_secret password;
} mfad_proof;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Makes a client for the users of a realm, on the realm's usual socket, /run/mfad/REALM/mfad.sock. It connects at the
// first call. NULL when the name is not legal.
mfad_client *mfad_new(const char *realm);

// Closes the connection and frees the client. NULL is let be.
void mfad_free(mfad_client *client);

// Chooses the socket by its path. Then this process's own uid may serve there as well.
mfad_result mfad_set_path(mfad_client *client, const char *path);

// Chooses the public socket, /run/mfad/mfad.sock: there every process may ask about its own user in realm "system".
mfad_result mfad_set_public(mfad_client *client);

// Lets one more uid serve, besides root and the user "mfad": in a container with users of its own, the kernel names
// another one.
mfad_result mfad_set_server_uid(mfad_client *client, uint32_t uid);

// Sets how long a call waits, in milliseconds, connecting included, and how long one that bears a password. Without
// it: 5000 and 15000. Neither may be 0.
mfad_result mfad_set_deadlines(mfad_client *client, uint32_t milliseconds, uint32_t password_milliseconds);

// Sets the name that an authenticator app shows for the enrolments that mfad_enroll begins: 1 to 64 bytes without ':'.
// NULL: the realm's.
mfad_result mfad_set_issuer(mfad_client *client,
                            const char *issuer);

// Connects, and checks who serves. Nothing is sent. It need not be called: each call connects when it must.
mfad_result mfad_connect(mfad_client *client);

// Closes the connection. The next call makes a new one. NULL is let be.
void mfad_close(mfad_client *client);

// Sets uid to that of the server, as the kernel names it. False, and uid is not set, without a connection.
bool mfad_server_uid(const mfad_client *client, uint32_t *uid);

// After MFAD_RESULT_TRY_LATER: how many seconds to wait. Else 0.
uint32_t mfad_retry_after(const mfad_client *client);

// After a failure of the system's, such as MFAD_RESULT_NOT_RUNNING: its errno. Else 0.
int mfad_os_error(const mfad_client *client);

// What went wrong in the latest call, for a log: more than mfad_result_text knows, and never a secret. Empty when
// nothing did. It stays until the client is used again.
const char *mfad_message(const mfad_client *client);

// The name of a result, such as "MFAD_RESULT_DENIED". It stays for ever.
const char *mfad_result_name(int result);

// A sentence that a person may be told. It stays for ever.
const char *mfad_result_text(int result);

// A text as a secret: all of it up to its NUL. Of NULL {NULL, 0}, which no call takes.
mfad_secret mfad_secret_text(const char *text);

// Asks how the server is. pong may be NULL.
mfad_result mfad_ping(mfad_client *client, mfad_pong *pong);

// Asks what this login needs next. It changes nothing. MFAD_RESULT_OK is no yes here: look at need.
mfad_result mfad_begin(mfad_client *client, const mfad_login *login, mfad_need *need);

// Asks how the account of a user stands. It changes nothing.
mfad_result mfad_status(mfad_client *client, const char *user, mfad_account *account);

// Asks whether this code is right, now, for the first time. Each is accepted once. Recovery codes are codes, too.
// accepted may be NULL.
mfad_result mfad_verify(mfad_client *client, const mfad_login *login, mfad_secret code, mfad_accepted *accepted);

// Begins an enrolment, or resumes the pending one with the same key. ticket is NULL where the realm asks for none.
// A factor that works goes on to work until mfad_confirm.
mfad_result mfad_enroll(mfad_client *client,
                        const mfad_login *login,
                        const mfad_proof *proof,
                        const mfad_secret *ticket,
                        mfad_enrollment **enrollment);

// Finishes an enrolment with its first code. enrollment_id is what mfad_enrollment_id says. Show the recovery codes
// this once.
mfad_result mfad_confirm(mfad_client *client,
                         const char *user,
                         const char *enrollment_id,
                         mfad_secret code,
                         mfad_codes **codes);

// Gives up the factor, with the first factor and a code. Where none is enforced, the factor is gone and *enrollment is
// NULL. Where one is, a new enrolment begins, and the old factor works until mfad_confirm.
mfad_result mfad_reset(mfad_client *client,
                       const mfad_login *login,
                       const mfad_proof *proof,
                       mfad_secret code,
                       mfad_enrollment **enrollment);

// Asks about a password and a code, both at once, and is not told which of them was wrong. code is empty ("" and 0)
// where the person gave none. accepted may be NULL.
mfad_result mfad_authenticate(mfad_client *client,
                              const mfad_login *login,
                              mfad_secret password,
                              mfad_secret code,
                              mfad_accepted *accepted);

// Makes new recovery codes, with the first factor and a code. Those that were left are void. Show the new ones this
// once.
mfad_result mfad_recovery(mfad_client *client,
                          const char *user,
                          const mfad_proof *proof,
                          mfad_secret code,
                          mfad_codes **codes);

// Follows an app whose clock is wrong, with the first factor and two codes that it showed one after the other.
mfad_result mfad_resync(mfad_client *client,
                        const char *user,
                        const mfad_proof *proof,
                        mfad_secret first,
                        mfad_secret second);

// Changes the password that the server keeps. code is empty ("" and 0) where the account has no factor.
mfad_result mfad_passwd(mfad_client *client,
                        const char *user,
                        mfad_secret old_password,
                        mfad_secret code,
                        mfad_secret new_password);

// The id of the enrolment, for mfad_confirm: 32 hexadecimal digits. This text and the next four stay until
// mfad_enrollment_free. NULL of NULL.
const char *mfad_enrollment_id(const mfad_enrollment *enrollment);

// The otpauth://totp/ URI that an app scans. Secret. NULL of NULL.
const char *mfad_enrollment_uri(const mfad_enrollment *enrollment);

// The key alone, in base32, to be typed into an app. Secret. NULL of NULL.
const char *mfad_enrollment_key(const mfad_enrollment *enrollment);

// The public name of this enrolment. It is no key and opens nothing. NULL of NULL.
const char *mfad_enrollment_handle(const mfad_enrollment *enrollment);

// The QR code for a dark terminal, in half blocks of UTF-8, with its quiet zone. Secret. NULL of NULL.
const char *mfad_enrollment_picture(const mfad_enrollment *enrollment);

// Modules a side of the QR code, without the quiet zone: leave four light ones on each side. 0 of NULL.
uint32_t mfad_enrollment_qr_size(const mfad_enrollment *enrollment);

// Whether a module of the QR code is dark. Rows and columns begin at 0; outside all is light.
bool mfad_enrollment_qr_is_dark(const mfad_enrollment *enrollment, uint32_t row, uint32_t column);

// When the enrolment lapses, in Unix seconds. 0 of NULL.
uint64_t mfad_enrollment_expires_at(const mfad_enrollment *enrollment);

// Wipes and frees. NULL is let be.
void mfad_enrollment_free(mfad_enrollment *enrollment);

// How many recovery codes there are: at most 10. 0 of NULL.
size_t mfad_codes_count(const mfad_codes *codes);

// A recovery code, from index 0 on. Secret. It stays until mfad_codes_free. NULL where there is none.
const char *mfad_codes_at(const mfad_codes *codes, size_t index);

// Wipes and frees. NULL is let be.
void mfad_codes_free(mfad_codes *codes);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MFAD_H */
