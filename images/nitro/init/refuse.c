/* The last words of a machine that must not serve. */
#include "init.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/reboot.h>
#include <unistd.h>

static void line(const char *text) {
  dprintf(STDOUT_FILENO, "init: %s\n", text);
}

void say(const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  line(text);
}

void refuse(const char *code, const char *format, ...) {
  char text[512], all[600];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  snprintf(all, sizeof all, "%s: %s", code, text);
  line(all);
  power_off();
}

void power_off(void) {
  /* A child's refusal ends the child; PID 1 sees it and ends the machine. */
  if (getpid() != 1) _exit(1);
  /* An enclave has no power button: a restart ends it (kernel parameter reboot=k). */
  reboot(RB_AUTOBOOT);
  for (;;) pause();
}

void read_text(const char *path, char *text, size_t size, const char *code) {
  size_t length = 0;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) refuse(code, "%s cannot be opened", path);
  for (;;) {
    ssize_t got = read(file, text + length, size - length);
    if (got < 0) refuse(code, "%s cannot be read", path);
    if (got == 0) break;
    length += (size_t)got;
    if (length == size) refuse(code, "%s is too long", path);
  }
  close(file);
  if (length > 0 && text[length - 1] == '\n') length--;
  for (size_t i = 0; i < length; i++)
    if (text[i] == '\0') refuse(code, "%s has a NUL", path);
  text[length] = '\0';
}
