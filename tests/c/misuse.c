/* Every parameter of every function wrong, one at a time: nothing is sent, and nothing breaks: misuse SOCKET */

#include <mfad.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned failures;

static void check(int holds, const char *what, int line)
{
    if (!holds) {
        fprintf(stderr, "line %d: %s\n", line, what);
        failures++;
    }
}

#define HOLDS(condition) check((condition), #condition, __LINE__)
/* The answer, and what stands in the place for it. */
#define INVALID(call, place)                                                                                          \
    do {                                                                                                              \
        memset(&(place), 0x5a, sizeof(place));                                                                        \
        HOLDS((call) == MFAD_RESULT_INVALID);                                                                         \
        HOLDS(is_zero(&(place), sizeof(place)));                                                                      \
    } while (0)

static int is_zero(const void *place, size_t size)
{
    const char *bytes = place;
    while (size > 0 && *bytes == 0)
        bytes++, size--;
    return size == 0;
}

static mfad_client *client;
static mfad_login login = {"alice", "misuse", NULL, NULL};
static mfad_proof asserted = {MFAD_PROOF_ASSERTED, {NULL, 0}};
static mfad_secret code = {"123456", 6};
static char id[] = "00112233445566778899aabbccddeeff";
static char *huge;

enum { HUGE_SIZE = 32 << 20 };

static const mfad_secret bad_codes[] = {{NULL, 0}, {NULL, 6}, {NULL, SIZE_MAX}, {"", SIZE_MAX}, {"", SIZE_MAX / 2},
                                        {"", (size_t)1 << 40}, {"", 65}, {"", 4097}};
static const mfad_secret bad_passwords[] = {{NULL, 0}, {NULL, SIZE_MAX}, {"", SIZE_MAX}, {"", 1025}};
static const char *bad_users[] = {NULL, "", "a:b", "a/b", "a\nb", "\xff\xfe", "a\xc3"};

#define EACH(index, list) for (size_t index = 0; index < sizeof(list) / sizeof((list)[0]); index++)

static void users(void)
{
    mfad_account account;
    mfad_need need;
    mfad_accepted accepted;
    mfad_enrollment *enrollment;
    mfad_codes *codes;

    EACH(n, bad_users) {
        mfad_login bad = {bad_users[n], NULL, NULL, NULL};
        INVALID(mfad_status(client, bad_users[n], &account), account);
        INVALID(mfad_begin(client, &bad, &need), need);
        INVALID(mfad_verify(client, &bad, code, &accepted), accepted);
        INVALID(mfad_enroll(client, &bad, &asserted, NULL, &enrollment), enrollment);
        INVALID(mfad_reset(client, &bad, &asserted, code, &enrollment), enrollment);
        INVALID(mfad_authenticate(client, &bad, code, code, &accepted), accepted);
        INVALID(mfad_confirm(client, bad_users[n], id, code, &codes), codes);
        INVALID(mfad_recovery(client, bad_users[n], &asserted, code, &codes), codes);
        HOLDS(mfad_resync(client, bad_users[n], &asserted, code, code) == MFAD_RESULT_INVALID);
        HOLDS(mfad_passwd(client, bad_users[n], code, code, code) == MFAD_RESULT_INVALID);
    }
    INVALID(mfad_status(client, huge, &account), account);
    INVALID(mfad_begin(client, NULL, &need), need);
    INVALID(mfad_verify(client, NULL, code, &accepted), accepted);
    INVALID(mfad_enroll(client, NULL, &asserted, NULL, &enrollment), enrollment);
    INVALID(mfad_reset(client, NULL, &asserted, code, &enrollment), enrollment);
    INVALID(mfad_authenticate(client, NULL, code, code, &accepted), accepted);
}

static void secrets(void)
{
    mfad_accepted accepted;
    mfad_enrollment *enrollment;
    mfad_codes *codes;

    EACH(n, bad_codes) {
        mfad_secret bad = bad_codes[n];
        INVALID(mfad_verify(client, &login, bad, &accepted), accepted);
        INVALID(mfad_enroll(client, &login, &asserted, &bad, &enrollment), enrollment);
        INVALID(mfad_confirm(client, "alice", id, bad, &codes), codes);
        INVALID(mfad_reset(client, &login, &asserted, bad, &enrollment), enrollment);
        INVALID(mfad_authenticate(client, &login, code, bad, &accepted), accepted);
        INVALID(mfad_recovery(client, "alice", &asserted, bad, &codes), codes);
        HOLDS(mfad_resync(client, "alice", &asserted, bad, code) == MFAD_RESULT_INVALID);
        HOLDS(mfad_resync(client, "alice", &asserted, code, bad) == MFAD_RESULT_INVALID);
        HOLDS(mfad_passwd(client, "alice", code, bad, code) == MFAD_RESULT_INVALID);
    }
    EACH(n, bad_passwords) {
        mfad_secret bad = bad_passwords[n];
        INVALID(mfad_authenticate(client, &login, bad, code, &accepted), accepted);
        HOLDS(mfad_passwd(client, "alice", bad, code, code) == MFAD_RESULT_INVALID);
        HOLDS(mfad_passwd(client, "alice", code, code, bad) == MFAD_RESULT_INVALID);
    }
}

static void proofs(void)
{
    mfad_enrollment *enrollment;
    mfad_codes *codes;
    mfad_proof bad[] = {{0, {NULL, 0}},
                        {3, {"x", 1}},
                        {-1, {NULL, 0}},
                        {0x7fffffff, {NULL, 0}},
                        {MFAD_PROOF_ASSERTED, {"x", 1}},
                        {MFAD_PROOF_PASSWORD, {NULL, 0}},
                        {MFAD_PROOF_PASSWORD, {NULL, 8}},
                        {MFAD_PROOF_PASSWORD, {"x", SIZE_MAX}},
                        {MFAD_PROOF_PASSWORD, {"x", 1025}}};

    EACH(n, bad) {
        INVALID(mfad_enroll(client, &login, &bad[n], NULL, &enrollment), enrollment);
        INVALID(mfad_reset(client, &login, &bad[n], code, &enrollment), enrollment);
        INVALID(mfad_recovery(client, "alice", &bad[n], code, &codes), codes);
        HOLDS(mfad_resync(client, "alice", &bad[n], code, code) == MFAD_RESULT_INVALID);
    }
    INVALID(mfad_enroll(client, &login, NULL, NULL, &enrollment), enrollment);
    INVALID(mfad_reset(client, &login, NULL, code, &enrollment), enrollment);
    INVALID(mfad_recovery(client, "alice", NULL, code, &codes), codes);
    HOLDS(mfad_resync(client, "alice", NULL, code, code) == MFAD_RESULT_INVALID);
}

static void ids_and_places(void)
{
    mfad_codes *codes;
    const char *bad[] = {NULL, "", "0011", "00112233445566778899AABBCCDDEEFF", "00112233445566778899aabbccddeeff0",
                         "zz112233445566778899aabbccddeeff"};

    EACH(n, bad)
        INVALID(mfad_confirm(client, "alice", bad[n], code, &codes), codes);
    INVALID(mfad_confirm(client, "alice", huge, code, &codes), codes);
    HOLDS(mfad_begin(client, &login, NULL) == MFAD_RESULT_INVALID);
    HOLDS(mfad_status(client, "alice", NULL) == MFAD_RESULT_INVALID);
    HOLDS(mfad_enroll(client, &login, &asserted, NULL, NULL) == MFAD_RESULT_INVALID);
    HOLDS(mfad_confirm(client, "alice", id, code, NULL) == MFAD_RESULT_INVALID);
    HOLDS(mfad_reset(client, &login, &asserted, code, NULL) == MFAD_RESULT_INVALID);
    HOLDS(mfad_recovery(client, "alice", &asserted, code, NULL) == MFAD_RESULT_INVALID);
}

static void no_client(void)
{
    mfad_pong pong;
    mfad_need need;
    mfad_account account;
    mfad_accepted accepted;
    mfad_enrollment *enrollment;
    mfad_codes *codes;
    uint32_t uid = 7;

    INVALID(mfad_ping(NULL, &pong), pong);
    INVALID(mfad_begin(NULL, &login, &need), need);
    INVALID(mfad_status(NULL, "alice", &account), account);
    INVALID(mfad_verify(NULL, &login, code, &accepted), accepted);
    INVALID(mfad_enroll(NULL, &login, &asserted, NULL, &enrollment), enrollment);
    INVALID(mfad_confirm(NULL, "alice", id, code, &codes), codes);
    INVALID(mfad_reset(NULL, &login, &asserted, code, &enrollment), enrollment);
    INVALID(mfad_authenticate(NULL, &login, code, code, &accepted), accepted);
    INVALID(mfad_recovery(NULL, "alice", &asserted, code, &codes), codes);
    HOLDS(mfad_resync(NULL, "alice", &asserted, code, code) == MFAD_RESULT_INVALID);
    HOLDS(mfad_passwd(NULL, "alice", code, code, code) == MFAD_RESULT_INVALID);
    HOLDS(mfad_connect(NULL) == MFAD_RESULT_INVALID);
    HOLDS(mfad_set_path(NULL, "/x") == MFAD_RESULT_INVALID);
    HOLDS(mfad_set_public(NULL) == MFAD_RESULT_INVALID);
    HOLDS(mfad_set_server_uid(NULL, 1) == MFAD_RESULT_INVALID);
    HOLDS(mfad_set_deadlines(NULL, 1, 1) == MFAD_RESULT_INVALID);
    HOLDS(mfad_set_issuer(NULL, "x") == MFAD_RESULT_INVALID);
    HOLDS(!mfad_server_uid(NULL, &uid) && uid == 7 && !mfad_server_uid(NULL, NULL));
    HOLDS(mfad_retry_after(NULL) == 0 && mfad_os_error(NULL) == 0 && strlen(mfad_message(NULL)) > 0);
    mfad_close(NULL);
    mfad_free(NULL);
}

static void settings(const char *socket)
{
    const char *bad_realms[] = {NULL, "", "System", "1x", "a_b", "\xff", "abcdefghijklmnopqrstuvwxyzabcdefg"};
    const char *bad_issuers[] = {"", "a:b", "a\nb", "\xff"};

    EACH(n, bad_realms)
        HOLDS(mfad_new(bad_realms[n]) == NULL);
    HOLDS(mfad_new(huge) == NULL);
    HOLDS(mfad_set_path(client, NULL) == MFAD_RESULT_INVALID);
    HOLDS(mfad_set_path(client, "") == MFAD_RESULT_INVALID);
    HOLDS(mfad_set_path(client, huge) == MFAD_RESULT_INVALID);
    HOLDS(strlen(mfad_message(client)) > 0);
    HOLDS(mfad_set_issuer(client, NULL) == MFAD_RESULT_OK && strlen(mfad_message(client)) == 0);
    EACH(n, bad_issuers)
        HOLDS(mfad_set_issuer(client, bad_issuers[n]) == MFAD_RESULT_INVALID);
    HOLDS(mfad_set_issuer(client, huge) == MFAD_RESULT_INVALID);
    HOLDS(mfad_set_deadlines(client, 0, 1) == MFAD_RESULT_INVALID);
    HOLDS(mfad_set_deadlines(client, 1, 0) == MFAD_RESULT_INVALID);
    /* What was refused has changed nothing. */
    HOLDS(mfad_ping(client, NULL) == MFAD_RESULT_OK && strlen(mfad_message(client)) == 0);
    HOLDS(mfad_server_uid(client, &(uint32_t){0}) && !mfad_server_uid(client, NULL));
    HOLDS(mfad_set_deadlines(client, UINT32_MAX, UINT32_MAX) == MFAD_RESULT_OK);
    HOLDS(mfad_ping(client, NULL) == MFAD_RESULT_OK);
    HOLDS(mfad_set_issuer(client, NULL) == MFAD_RESULT_OK && mfad_set_server_uid(client, UINT32_MAX) == MFAD_RESULT_OK);
    /* The usual sockets are not there, or not this one. */
    HOLDS(mfad_set_public(client) == MFAD_RESULT_OK && mfad_set_path(client, socket) == MFAD_RESULT_OK);
}

static void things(void)
{
    HOLDS(mfad_enrollment_id(NULL) == NULL && mfad_enrollment_uri(NULL) == NULL && mfad_enrollment_key(NULL) == NULL);
    HOLDS(mfad_enrollment_handle(NULL) == NULL && mfad_enrollment_picture(NULL) == NULL);
    HOLDS(mfad_enrollment_qr_size(NULL) == 0 && !mfad_enrollment_qr_is_dark(NULL, 0, 0));
    HOLDS(mfad_enrollment_expires_at(NULL) == 0);
    mfad_enrollment_free(NULL);
    HOLDS(mfad_codes_count(NULL) == 0 && mfad_codes_at(NULL, 0) == NULL && mfad_codes_at(NULL, SIZE_MAX) == NULL);
    mfad_codes_free(NULL);
    for (int number = -3; number < 40; number++)
        HOLDS(strlen(mfad_result_name(number)) > 0 && strlen(mfad_result_text(number)) > 0);
    HOLDS(strlen(mfad_result_name(-2147483647)) > 0 && strlen(mfad_result_text(2147483647)) > 0);
    HOLDS(mfad_secret_text(NULL).data == NULL && mfad_secret_text(NULL).length == 0);
    HOLDS(mfad_secret_text("abc").length == 3 && mfad_secret_text("").data != NULL);
}

/* What may be NULL, empty or long after all. */
static void what_is_taken(void)
{
    mfad_enrollment *enrollment;
    mfad_login bare = {"bob", NULL, NULL, NULL};
    mfad_login wordy = {"bob", huge, huge, huge};
    mfad_login strange = {"bob", "\xff\xfe", "\xc3", "\x1b[2J"};
    mfad_secret empty = {"", 0};
    mfad_need need;

    HOLDS(mfad_begin(client, &bare, &need) == MFAD_RESULT_OK && need == MFAD_NEED_NOTHING);
    HOLDS(mfad_begin(client, &wordy, &need) == MFAD_RESULT_OK && need == MFAD_NEED_NOTHING);
    HOLDS(mfad_begin(client, &strange, &need) == MFAD_RESULT_OK && need == MFAD_NEED_NOTHING);
    HOLDS(mfad_verify(client, &bare, code, NULL) == MFAD_RESULT_DENIED);
    HOLDS(mfad_verify(client, &bare, empty, NULL) == MFAD_RESULT_DENIED);
    HOLDS(mfad_enroll(client, &bare, &asserted, NULL, &enrollment) == MFAD_RESULT_OK && enrollment != NULL);
    HOLDS(!mfad_enrollment_qr_is_dark(enrollment, UINT32_MAX, UINT32_MAX));
    HOLDS(!mfad_enrollment_qr_is_dark(enrollment, 256, 256) && mfad_enrollment_qr_is_dark(enrollment, 0, 0));
    mfad_enrollment_free(enrollment);
}

int main(int count, char **words)
{
    mfad_account account;

    huge = malloc(HUGE_SIZE);
    client = mfad_new("town");
    if (count < 2 || huge == NULL || mfad_set_path(client, words[1]) != MFAD_RESULT_OK)
        return 2;
    memset(huge, 'a', HUGE_SIZE - 1);
    huge[HUGE_SIZE - 1] = '\0';
    users();
    secrets();
    proofs();
    ids_and_places();
    no_client();
    settings(words[1]);
    things();
    /* Nothing of all that was sent: no code of alice's has failed. */
    HOLDS(mfad_status(client, "alice", &account) == MFAD_RESULT_OK && account.failures_since == 0);
    HOLDS(account.state == MFAD_STATE_ACTIVE && account.retry_after == 0);
    what_is_taken();
    mfad_free(client);
    free(huge);
    return failures == 0 ? 0 : 1;
}
