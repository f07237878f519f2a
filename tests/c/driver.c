/*
 * Does what it reads: one call a line, its words parted by spaces, and one line for what came of it. A word "-" is an
 * empty secret, or no text: driver REALM SOCKET [UID]
 */

#include <dirent.h>
#include <mfad.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of watch.c, where that is linked. */
extern void watch_for(const char *secret) __attribute__((weak));
extern unsigned watch_seen(void) __attribute__((weak));

enum { MOST_WORDS = 8 };

static mfad_client *client;
static char *words[MOST_WORDS];

static const char *text(int word)
{
    return words[word] == NULL || strcmp(words[word], "-") == 0 ? NULL : words[word];
}

static mfad_secret secret(int word)
{
    const char *given = text(word);
    return mfad_secret_text(given == NULL ? "" : given);
}

/* "asserted" or a password. */
static mfad_proof proof(int word)
{
    mfad_proof proof = {MFAD_PROOF_ASSERTED, {NULL, 0}};
    if (strcmp(words[word], "asserted") != 0) {
        proof.kind = MFAD_PROOF_PASSWORD;
        proof.password = secret(word);
    }
    return proof;
}

static mfad_login login(void)
{
    mfad_login login = {text(1), text(2), "192.0.2.7", "pts/3"};
    return login;
}

static void say(mfad_result result)
{
    printf("%s", mfad_result_name(result) + strlen("MFAD_RESULT_"));
    if (mfad_retry_after(client) > 0)
        printf(" retry_after=%u", (unsigned)mfad_retry_after(client));
    if (mfad_os_error(client) > 0)
        printf(" os_error=%d", mfad_os_error(client));
}

static void say_accepted(mfad_result result, const mfad_accepted *accepted)
{
    say(result);
    printf(" factor=%d left=%u failures=%u", (int)accepted->factor, (unsigned)accepted->recovery_left,
           (unsigned)accepted->failures_since);
    if (accepted->has_last_failure)
        printf(" last=%llu from=%s", (unsigned long long)accepted->last_failure_time, accepted->last_failure_service);
}

static void say_enrollment(mfad_result result, mfad_enrollment *enrollment)
{
    uint32_t size = mfad_enrollment_qr_size(enrollment);
    unsigned dark = 0;

    say(result);
    for (uint32_t row = 0; row < size; row++)
        for (uint32_t column = 0; column < size; column++)
            dark += mfad_enrollment_qr_is_dark(enrollment, row, column);
    if (enrollment != NULL)
        printf(" id=%s uri=%s key=%s handle=%s expires=%llu size=%u dark=%u outside=%d drawn=%u",
               mfad_enrollment_id(enrollment), mfad_enrollment_uri(enrollment), mfad_enrollment_key(enrollment),
               mfad_enrollment_handle(enrollment), (unsigned long long)mfad_enrollment_expires_at(enrollment),
               (unsigned)size, dark, mfad_enrollment_qr_is_dark(enrollment, size, 0),
               (unsigned)strlen(mfad_enrollment_picture(enrollment)));
    mfad_enrollment_free(enrollment);
}

static void say_codes(mfad_result result, mfad_codes *codes)
{
    size_t count = mfad_codes_count(codes);

    say(result);
    printf(" count=%u codes=", (unsigned)count);
    for (size_t index = 0; index < count; index++)
        printf("%s%s", index > 0 ? "," : "", mfad_codes_at(codes, index));
    mfad_codes_free(codes);
}

static void say_account(mfad_result result, const mfad_account *account)
{
    say(result);
    printf(" realm=%s user=%s state=%d enforced=%d left=%u failures=%u retry=%u enrolled=%d:%llu success=%d:%llu",
           account->realm, account->user, (int)account->state, account->enforced, (unsigned)account->recovery_left,
           (unsigned)account->failures_since, (unsigned)account->retry_after, account->has_enrolled_at,
           (unsigned long long)account->enrolled_at, account->has_last_success,
           (unsigned long long)account->last_success);
}

static unsigned descriptors(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");

    while (folder != NULL && readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

/* Connects and asks, in a client of its own each time. */
static void cycle(const char *realm, const char *socket, unsigned times)
{
    unsigned good = 0;
    mfad_account account;

    for (unsigned time = 0; time < times; time++) {
        mfad_client *other = mfad_new(realm);
        good += mfad_set_path(other, socket) == MFAD_RESULT_OK && mfad_connect(other) == MFAD_RESULT_OK &&
                mfad_status(other, "nobody", &account) == MFAD_RESULT_OK;
        mfad_free(other);
    }
    printf("good=%u descriptors=%u", good, descriptors());
}

static int call_about_login(const char *call)
{
    mfad_login who = login();
    mfad_accepted accepted;
    mfad_enrollment *enrollment;
    mfad_result result;

    if (strcmp(call, "begin") == 0) {
        mfad_need need;
        result = mfad_begin(client, &who, &need);
        say(result);
        printf(" need=%d", (int)need);
    } else if (strcmp(call, "verify") == 0) {
        result = mfad_verify(client, &who, secret(3), &accepted);
        say_accepted(result, &accepted);
    } else if (strcmp(call, "authenticate") == 0) {
        result = mfad_authenticate(client, &who, secret(3), secret(4), &accepted);
        say_accepted(result, &accepted);
    } else if (strcmp(call, "enroll") == 0) {
        mfad_proof shown = proof(3);
        mfad_secret ticket = secret(4);
        result = mfad_enroll(client, &who, &shown, text(4) == NULL ? NULL : &ticket, &enrollment);
        say_enrollment(result, enrollment);
    } else if (strcmp(call, "reset") == 0) {
        mfad_proof shown = proof(3);
        result = mfad_reset(client, &who, &shown, secret(4), &enrollment);
        say_enrollment(result, enrollment);
    } else {
        return 0;
    }
    return 1;
}

static int call_about_user(const char *call)
{
    mfad_codes *codes;
    mfad_result result;

    if (strcmp(call, "status") == 0) {
        mfad_account account;
        result = mfad_status(client, text(1), &account);
        say_account(result, &account);
    } else if (strcmp(call, "confirm") == 0) {
        result = mfad_confirm(client, text(1), text(2), secret(3), &codes);
        say_codes(result, codes);
    } else if (strcmp(call, "recovery") == 0) {
        mfad_proof shown = proof(2);
        result = mfad_recovery(client, text(1), &shown, secret(3), &codes);
        say_codes(result, codes);
    } else if (strcmp(call, "resync") == 0) {
        mfad_proof shown = proof(2);
        say(mfad_resync(client, text(1), &shown, secret(3), secret(4)));
    } else if (strcmp(call, "passwd") == 0) {
        say(mfad_passwd(client, text(1), secret(2), secret(3), secret(4)));
    } else {
        return 0;
    }
    return 1;
}

static int call_about_client(const char *call, char **arguments)
{
    if (strcmp(call, "ping") == 0) {
        mfad_pong pong;
        say(mfad_ping(client, &pong));
        printf(" ready=%d version=%s why=%s", pong.ready, pong.version, pong.why);
    } else if (strcmp(call, "connect") == 0) {
        uint32_t uid = 0;
        say(mfad_connect(client));
        printf(" connected=%d", mfad_server_uid(client, &uid));
        printf(" server=%u", (unsigned)uid);
    } else if (strcmp(call, "close") == 0) {
        mfad_close(client);
        printf("connected=%d", mfad_server_uid(client, &(uint32_t){0}));
    } else if (strcmp(call, "deadline") == 0) {
        say(mfad_set_deadlines(client, (uint32_t)atoi(words[1]), (uint32_t)atoi(words[1])));
    } else if (strcmp(call, "issuer") == 0) {
        say(mfad_set_issuer(client, text(1)));
    } else if (strcmp(call, "message") == 0) {
        fputs(mfad_message(client), stdout);
    } else if (strcmp(call, "cycle") == 0) {
        cycle(arguments[1], arguments[2], (unsigned)atoi(words[1]));
    } else if (strcmp(call, "watch") == 0 && watch_for != NULL) {
        watch_for(words[1]);
    } else if (strcmp(call, "leave") == 0) {
        char *block = malloc(64);
        if (block != NULL)
            strcpy(block, words[1]);
        free(block);
    } else if (strcmp(call, "seen") == 0 && watch_seen != NULL) {
        printf("%u", watch_seen());
    } else {
        return 0;
    }
    return 1;
}

int main(int count, char **arguments)
{
    static char line[4096];

    client = count > 2 ? mfad_new(arguments[1]) : NULL;
    if (client == NULL || mfad_set_path(client, arguments[2]) != MFAD_RESULT_OK)
        return 2;
    if (count > 3 && mfad_set_server_uid(client, (uint32_t)atoi(arguments[3])) != MFAD_RESULT_OK)
        return 2;
    while (fgets(line, sizeof line, stdin) != NULL) {
        int found = 0;
        memset(words, 0, sizeof words);
        for (char *word = strtok(line, " \n"); word != NULL && found < MOST_WORDS; word = strtok(NULL, " \n"))
            words[found++] = word;
        if (found == 0 || (!call_about_login(words[0]) && !call_about_user(words[0]) &&
                           !call_about_client(words[0], arguments)))
            return 2;
        putchar('\n');
        fflush(stdout);
    }
    mfad_free(client);
    return 0;
}
