/* Starts the evaluator with nothing but its measured arguments, and ends the machine when it ends. */
#include "init.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CODE "INIT_SYSTEM"

enum { LOCKED_MEMORY = 16 << 20, OPEN_FILES = 4096 };

static void limit(int what, rlim_t to) {
  const struct rlimit both = {.rlim_cur = to, .rlim_max = to};
  if (setrlimit(what, &both) < 0) refuse(CODE, "limit %d: %s", what, strerror(errno));
}

__attribute__((noreturn)) static void become(const struct settings *settings) {
  static char *const nothing[] = {NULL};
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (setsid() < 0 || chdir("/enclave") < 0) refuse(CODE, "/enclave: %s", strerror(errno));
  umask(077);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_MEMLOCK, LOCKED_MEMORY);
  limit(RLIMIT_NOFILE, OPEN_FILES);
  if (setgroups(0, NULL) < 0 || setresgid(settings->uid, settings->uid, settings->uid) < 0 ||
      setresuid(settings->uid, settings->uid, settings->uid) < 0)
    refuse(CODE, "cannot give up root: %s", strerror(errno));
  if (setuid(0) == 0) refuse(CODE, "root came back");
  confine();
  execve(settings->arguments[0], settings->arguments, nothing);
  refuse(CODE, "%s: %s", settings->arguments[0], strerror(errno));
}

void run(const struct settings *settings) {
  const pid_t evaluator = fork();
  if (evaluator < 0) refuse(CODE, "%s", strerror(errno));
  if (evaluator == 0) become(settings);
  say("started the evaluator as user %u", (unsigned)settings->uid);
  for (;;) {
    int status = 0;
    const pid_t ended = waitpid(-1, &status, 0);
    if (ended != evaluator) continue;
    if (WIFSIGNALED(status)) refuse("EVALUATOR_ENDED", "by signal %d", WTERMSIG(status));
    refuse("EVALUATOR_ENDED", "with status %d", WEXITSTATUS(status));
  }
}
