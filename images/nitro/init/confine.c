/*
 * The system calls that the evaluator may make (seccomp(2), mode filter). What Node needs is listed; what only an
 * intruder would need ends the process; anything else does not exist, which lets libraries fall back.
 */
#include "init.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "no such enclave"
#endif

static const int allowed[] = {
    /* memory; mprotect with PROT_EXEC stays, because V8 compiles */
    SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_mlock, SYS_munlock, SYS_mlock2,
    SYS_mincore, SYS_pkey_alloc, SYS_pkey_free, SYS_pkey_mprotect,
    /* threads and time */
    SYS_clone, SYS_clone3, SYS_futex, SYS_set_robust_list, SYS_get_robust_list, SYS_rseq, SYS_set_tid_address,
    SYS_gettid, SYS_getpid, SYS_getppid, SYS_tgkill, SYS_exit, SYS_exit_group, SYS_sched_yield,
    SYS_sched_getaffinity, SYS_sched_getparam, SYS_sched_getscheduler, SYS_membarrier, SYS_getcpu, SYS_nanosleep,
    SYS_clock_nanosleep, SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_getrusage, SYS_times,
    SYS_timerfd_create, SYS_timerfd_settime,
    /* signals */
    SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack, SYS_restart_syscall, SYS_kill,
    /* events */
    SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_eventfd2, SYS_pipe2, SYS_ppoll,
    SYS_inotify_init1, SYS_inotify_add_watch, SYS_inotify_rm_watch,
    /* files, all of them read-only but the console */
    SYS_openat, SYS_close, SYS_close_range, SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_preadv,
    SYS_lseek, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_readlinkat, SYS_faccessat, SYS_faccessat2, SYS_getdents64,
    SYS_getcwd, SYS_fcntl, SYS_dup, SYS_dup3, SYS_ioctl, SYS_umask, SYS_statfs, SYS_fstatfs,
    /* sockets: AF_VSOCK and loopback are all there is */
    SYS_socket, SYS_socketpair, SYS_bind, SYS_listen, SYS_accept4, SYS_connect, SYS_shutdown, SYS_getsockname,
    SYS_getpeername, SYS_getsockopt, SYS_setsockopt, SYS_sendto, SYS_recvfrom, SYS_sendmsg, SYS_recvmsg,
    /* who am I */
    SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getresuid, SYS_getresgid, SYS_getgroups, SYS_uname,
    SYS_sysinfo, SYS_prlimit64, SYS_getrandom, SYS_prctl, SYS_capget,
    /* once, for the evaluator itself: the image has no other program */
    SYS_execve,
#if defined(__x86_64__)
    SYS_arch_prctl, SYS_access, SYS_open, SYS_stat, SYS_lstat, SYS_readlink, SYS_poll, SYS_epoll_wait, SYS_pipe,
    SYS_dup2, SYS_getrlimit, SYS_time,
#endif
};

static const int deadly[] = {
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot,
    SYS_unshare, SYS_setns, SYS_bpf, SYS_perf_event_open, SYS_init_module, SYS_finit_module, SYS_delete_module,
    SYS_kexec_load, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_keyctl, SYS_add_key, SYS_request_key,
    SYS_userfaultfd, SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_execveat,
    SYS_personality, SYS_setuid, SYS_setgid, SYS_setresuid, SYS_setresgid,
};

enum { ALLOWED = sizeof allowed / sizeof *allowed, DEADLY = sizeof deadly / sizeof *deadly };
enum { HEAD = 4, LENGTH = HEAD + 2 * (ALLOWED + DEADLY) + 1 };

static struct sock_filter program[LENGTH];
static size_t length;

static void add(struct sock_filter step) {
  program[length++] = step;
}

static void when(int call, uint32_t action) {
  add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1));
  add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

void confine(void) {
  add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)));
  add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
  add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
  for (size_t i = 0; i < ALLOWED; i++) when(allowed[i], SECCOMP_RET_ALLOW);
  for (size_t i = 0; i < DEADLY; i++) when(deadly[i], SECCOMP_RET_KILL_PROCESS);
  add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
  const struct sock_fprog filter = {.len = (unsigned short)length, .filter = program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) < 0)
    refuse("INIT_SYSTEM", "the filter does not load: %s", strerror(errno));
}
