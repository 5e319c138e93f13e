/*
 * The first program of the enclave (PID 1). It makes the machine safe to run the evaluator on, or ends it: every
 * step either holds or calls refuse(), before any key exists. It reads nothing that the parent could have written:
 * its settings are in the measured first ramdisk.
 */
#ifndef ASSAY_INIT_H
#define ASSAY_INIT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MAX_ARGUMENTS 32

/* /init.conf, written by the image builder; one `name value` a line. */
struct settings {
  char cmdline[1024];         /* what the kernel must have been started with */
  char clock_source[32];      /* what the kernel must keep time with */
  uint32_t parent_cid;        /* 3 on Nitro; 2 where an emulator carries the vsock */
  uint64_t memory_mib;        /* at least so much */
  uid_t uid;                  /* of the evaluator */
  char *arguments[MAX_ARGUMENTS + 1];
};

/* One line on the console: `init: CODE: detail`, then the machine goes down. Never returns. */
__attribute__((noreturn, format(printf, 2, 3))) void refuse(const char *code, const char *format, ...);
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
__attribute__((noreturn)) void power_off(void);

/* Whole content of a small text file, without its last line end; refuses with the code given. */
void read_text(const char *path, char *text, size_t size, const char *code);

void read_settings(const char *path, struct settings *settings);   /* INIT_CONFIG_INVALID */
void mount_all(void);                                              /* INIT_SYSTEM */
void seal_root(void);                                              /* INIT_SYSTEM */
void loopback_up(void);                                            /* INIT_SYSTEM */
void check_cmdline(const char *measured);                          /* CMDLINE_CHANGED */
void check_memory(uint64_t memory_mib);                            /* MEMORY_TOO_SMALL */
void check_clock(const char *source);                              /* CLOCK_SOURCE_WRONG */
void heartbeat(uint32_t cid);                                      /* HEARTBEAT_MISSING */
void open_nsm(uid_t owner);                                        /* NSM_MISSING, PCRS_NOT_LOCKED */
void credit_entropy(void);                                         /* ENTROPY_MISSING */
void confine(void);                                                /* INIT_SYSTEM */
__attribute__((noreturn)) void run(const struct settings *settings);

/* One CBOR request to the device of open_nsm; the length of the answer. */
size_t nsm_request(const uint8_t *request, size_t length, uint8_t *answer, size_t size);

#endif
