/* Asks for a code and verifies it, as a login does whose password was right: example REALM USER [SOCKET] */

#include <mfad.h>
#include <stdio.h>
#include <string.h>

/* What says how it went ends the program: 0 lets the person in, and nothing else does. */
enum { IN = 0, OUT = 1, USAGE = 2 };

static int not_now(const mfad_client *client, mfad_result result)
{
    /* The sentence is for the person, and the message for whoever runs the service. */
    fprintf(stderr, "%s\n", mfad_result_text(result));
    if (mfad_retry_after(client) > 0)
        fprintf(stderr, "Wait %u seconds.\n", (unsigned)mfad_retry_after(client));
    fprintf(stderr, "(%s: %s)\n", mfad_result_name(result), mfad_message(client));
    return OUT;
}

static void tell(const mfad_accepted *accepted)
{
    if (accepted->failures_since > 0)
        printf("%u tries have failed since the last login.\n", (unsigned)accepted->failures_since);
    if (accepted->factor == MFAD_FACTOR_RECOVERY)
        printf("%u recovery codes are left.\n", (unsigned)accepted->recovery_left);
    puts("Welcome.");
}

static int verify(mfad_client *client, const mfad_login *login)
{
    char code[80];
    mfad_accepted accepted;
    mfad_result result = MFAD_RESULT_DENIED;

    for (int tries = 0; result == MFAD_RESULT_DENIED && tries < 3; tries++) {
        fputs("Verification code: ", stdout);
        fflush(stdout);
        if (fgets(code, sizeof code, stdin) == NULL)
            return OUT;
        code[strcspn(code, "\n")] = '\0';
        result = mfad_verify(client, login, mfad_secret_text(code), &accepted);
        /* Use memset_explicit or explicit_bzero where there is one. */
        memset(code, 0, sizeof code);
        if (result == MFAD_RESULT_DENIED)
            puts(mfad_result_text(result));
    }
    if (result != MFAD_RESULT_OK)
        return not_now(client, result);
    tell(&accepted);
    return IN;
}

static int log_in(mfad_client *client, const mfad_login *login)
{
    mfad_need need;
    mfad_result result = mfad_begin(client, login, &need);

    if (result != MFAD_RESULT_OK)
        return not_now(client, result);
    switch (need) {
    case MFAD_NEED_CODE:
        return verify(client, login);
    case MFAD_NEED_NOTHING:
        puts("Welcome. You need no code.");
        return IN;
    case MFAD_NEED_ENROLL:
    case MFAD_NEED_ENROLL_WITH_TICKET:
        puts("A second factor is required: set one up with mfactl enroll.");
        return OUT;
    case MFAD_NEED_LOCKED:
        puts("This second factor is locked. An administrator can unlock it.");
        return OUT;
    }
    /* A need that is newer than this program is no yes. */
    return OUT;
}

int main(int count, char **words)
{
    if (count < 3) {
        fputs("usage: example REALM USER [SOCKET]\n", stderr);
        return USAGE;
    }
    mfad_login login = {words[2], "example", NULL, NULL};
    mfad_client *client = mfad_new(words[1]);
    if (client == NULL || (count > 3 && mfad_set_path(client, words[3]) != MFAD_RESULT_OK)) {
        fputs("no such realm, or no such socket\n", stderr);
        mfad_free(client);
        return USAGE;
    }
    int status = log_in(client, &login);
    mfad_free(client);
    return status;
}
