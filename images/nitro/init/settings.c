/*
 * /init.conf: `cmdline`, `clock-source`, `parent-cid`, `memory-mib`, `uid` once each, then one `argument` for each
 * word of the program's command line. It is measured, so a mistake in it is the builder's; it is read strictly all
 * the same.
 */
#include "init.h"

#include <stdlib.h>
#include <string.h>

#define CODE "INIT_CONFIG_INVALID"

static char text[8192];

static uint64_t number(const char *name, const char *value, uint64_t max) {
  uint64_t out = 0;
  if (*value == '\0') refuse(CODE, "%s is empty", name);
  for (const char *at = value; *at != '\0'; at++) {
    if (*at < '0' || *at > '9') refuse(CODE, "%s is not a number", name);
    out = out * 10 + (uint64_t)(*at - '0');
    if (out > max) refuse(CODE, "%s is larger than %llu", name, (unsigned long long)max);
  }
  return out;
}

static void word(const char *name, const char *value, char *into, size_t size) {
  if (*value == '\0' || strlen(value) >= size) refuse(CODE, "%s is empty or too long", name);
  strcpy(into, value);
}

void read_settings(const char *path, struct settings *settings) {
  static const char *const names[] = {"cmdline", "clock-source", "parent-cid", "memory-mib", "uid"};
  const size_t count = sizeof names / sizeof *names;
  size_t next = 0, arguments = 0;
  char *save = NULL;
  memset(settings, 0, sizeof *settings);
  read_text(path, text, sizeof text, CODE);
  for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
    char *space = strchr(line, ' ');
    const char *name = next < count ? names[next] : "argument";
    if (space == NULL) refuse(CODE, "a line without a value");
    *space = '\0';
    char *value = space + 1;
    if (strcmp(line, name) != 0) refuse(CODE, "%s where %s belongs", line, name);
    switch (next) {
      case 0: word(name, value, settings->cmdline, sizeof settings->cmdline); break;
      case 1: word(name, value, settings->clock_source, sizeof settings->clock_source); break;
      case 2: settings->parent_cid = (uint32_t)number(name, value, UINT32_MAX); break;
      case 3: settings->memory_mib = number(name, value, 1 << 30); break;
      case 4: settings->uid = (uid_t)number(name, value, 65533); break;
      default:
        if (arguments == MAX_ARGUMENTS) refuse(CODE, "more than %d arguments", MAX_ARGUMENTS);
        settings->arguments[arguments++] = value;
    }
    if (next < count) next++;
  }
  if (arguments == 0) refuse(CODE, "no argument names a program");
  if (settings->uid == 0) refuse(CODE, "the evaluator must not be root");
}
