/* A PAM module that does what its first argument says. The headers of PAM need not be installed. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct message { int style; const char *text; };
struct response { char *text; int code; };
struct conversation {
  int (*converse)(int, const struct message **, struct response **, void *);
  void *data;
};

extern int pam_get_item(const void *pamh, int item, const void **value);

enum { SUCCESS = 0, SYSTEM_ERR = 4, AUTH_ERR = 7, CONVERSATION = 5 };
enum { ECHO_OFF = 1, ECHO_ON = 2, ERROR_MSG = 3, TEXT_INFO = 4, RADIO = 5, BINARY = 7 };

static int ask(void *pamh, int count, const struct message *messages, struct response **answers) {
  const struct conversation *conversation = NULL;
  const struct message *each[count > 0 ? count : 1];
  for (int i = 0; i < count; i++) each[i] = &messages[i];
  if (pam_get_item(pamh, CONVERSATION, (const void **)&conversation) != SUCCESS || !conversation) return SYSTEM_ERR;
  *answers = NULL;
  return conversation->converse(count, each, answers, conversation->data);
}

static int ask_one(void *pamh, int style, const char *expected) {
  struct message message = {style, "?"};
  struct response *answers;
  int code = ask(pamh, 1, &message, &answers);
  if (code != SUCCESS) return code;
  code = !expected || (answers[0].text && !strcmp(answers[0].text, expected)) ? SUCCESS : AUTH_ERR;
  free(answers[0].text);
  free(answers);
  return code;
}

static int ask_two(void *pamh, int first, int second, int passwords) {
  struct message messages[] = {{first, "first"}, {second, "second"}};
  struct response *answers;
  int code = ask(pamh, 2, messages, &answers);
  if (code != SUCCESS) return answers ? SYSTEM_ERR : code;
  for (int i = 0; i < 2; i++) passwords -= answers[i].text != NULL;
  return passwords ? SYSTEM_ERR : SUCCESS;
}

static int is_socket(int descriptor) {
  struct stat stat;
  return !fstat(descriptor, &stat) && S_ISSOCK(stat.st_mode);
}

extern char **environ;

/* What a module can see of the process that it is in. Each fault has a bit of its own. */
static int faults(int flags) {
  struct rlimit core;
  int found = 0;
  if (environ && *environ) found |= 1;
  if (prctl(PR_GET_DUMPABLE)) found |= 2;
  if (getrlimit(RLIMIT_CORE, &core) || core.rlim_cur || core.rlim_max) found |= 4;
  if (umask(077) != 077) found |= 8;
  if (is_socket(0) || is_socket(1)) found |= 16;
  if (flags != 0x8001) found |= 32;
  return found;
}

int pam_sm_authenticate(void *pamh, int flags, int argc, const char **argv) {
  const char *does = argc > 0 ? argv[0] : "", *argument = argc > 1 ? argv[1] : "";
  int code = SUCCESS;
  if (!strcmp(does, "password")) return ask_one(pamh, ECHO_OFF, argument);
  if (!strcmp(does, "echo")) return ask_one(pamh, ECHO_ON, NULL);
  if (!strcmp(does, "radio")) return ask_one(pamh, RADIO, NULL);
  if (!strcmp(does, "binary")) return ask_one(pamh, BINARY, NULL);
  if (!strcmp(does, "pair")) return ask_two(pamh, ECHO_OFF, ECHO_OFF, 2);
  if (!strcmp(does, "mixed")) return ask_two(pamh, ECHO_OFF, ECHO_ON, 1);
  if (!strcmp(does, "informed")) return ask_two(pamh, TEXT_INFO, ECHO_OFF, 1);
  if (!strcmp(does, "texts")) return ask_two(pamh, TEXT_INFO, ERROR_MSG, 0);
  if (!strcmp(does, "none")) {
    struct response *answers;
    return ask(pamh, 0, NULL, &answers);
  }
  if ((code = ask_one(pamh, ECHO_OFF, NULL)) != SUCCESS) return code;
  if (!strcmp(does, "again")) return ask_one(pamh, ECHO_OFF, NULL);
  if (!strcmp(does, "code")) return atoi(argument);
  if (!strcmp(does, "surroundings")) {
    int found = faults(flags);
    if (found) fprintf(stderr, "faults: %d\n", found);
    return found ? SYSTEM_ERR : SUCCESS;
  }
  if (!strcmp(does, "shout")) {
    /* Right, as an answer is written, to whoever may be there. */
    for (int descriptor = 0; descriptor < 2; descriptor++)
      if (write(descriptor, "\001", 1) < 0) continue;
    return AUTH_ERR;
  }
  if (!strcmp(does, "hang")) for (;;) pause();
  if (!strcmp(does, "crash")) abort();
  if (!strcmp(does, "exit")) exit(0);
  return SYSTEM_ERR;
}

int pam_sm_acct_mgmt(void *pamh, int flags, int argc, const char **argv) {
  (void)pamh;
  if (faults(flags)) return SYSTEM_ERR;
  return argc > 1 && !strcmp(argv[0], "code") ? atoi(argv[1]) : SUCCESS;
}

int pam_sm_setcred(void *pamh, int flags, int argc, const char **argv) {
  (void)pamh, (void)flags, (void)argc, (void)argv;
  return SUCCESS;
}
