/* Lets chosen calls on chosen files fail, and shifts the clock, in an unchanged daemon.
 *
 * Preloaded (LD_PRELOAD). `struct plan` is a file that the test maps, too (tests/faults/fault.py holds
 * the same layout): while `error` is set, the calls of the kinds in `calls` fail with it on files whose
 * path matches `pattern`; with HANG they wait until it is over. SQLite, in CPython's _sqlite3, reaches the system through these names as well.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define HANG 4096

enum call { OPEN, LIST, STAT, FSTAT, READ, WRITE, SYNC };

struct plan {
    uint32_t error;     /* the errno, 0: nothing fails; written last */
    uint32_t calls;     /* a bit for each enum call */
    int64_t shift;      /* seconds that the wall clock is ahead */
    uint64_t failed;    /* how many calls failed */
    char pattern[PATH_MAX];
};

static struct plan *plan;

#define REAL(result, name, ...)                                        \
    static result (*real)(__VA_ARGS__);                                \
    if (!real)                                                         \
        real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULT_PLAN");
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;
    if (fd < 0)
        return;
    void *mapped = mmap(NULL, sizeof(struct plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    plan = mapped == MAP_FAILED ? NULL : mapped;
    syscall(SYS_close, fd);
}

/* Tells whether a call is to fail, and sets errno then. */
static int fails(enum call call, const char *path) {
    uint32_t error = plan ? __atomic_load_n(&plan->error, __ATOMIC_SEQ_CST) : 0;
    if (!error || !path || !(plan->calls >> call & 1) || fnmatch(plan->pattern, path, 0))
        return 0;
    __atomic_add_fetch(&plan->failed, 1, __ATOMIC_SEQ_CST);
    if (error == HANG) {
        while (__atomic_load_n(&plan->error, __ATOMIC_SEQ_CST) == HANG)
            usleep(10000);
        return 0;
    }
    errno = (int)error;
    return 1;
}

static int fails_fd(enum call call, int fd) {
    char link[64], path[PATH_MAX];
    if (!plan || !plan->error || !(plan->calls >> call & 1))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlink, link, path, sizeof path - 1);
    if (length <= 0)
        return 0;
    path[length] = 0;
    return fails(call, path);
}

int open64(const char *path, int flags, ...) {
    REAL(int, open64, const char *, int, ...);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return fails(OPEN, path) ? -1 : real(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open64(path, flags, mode);
}

DIR *opendir(const char *path) {
    REAL(DIR *, opendir, const char *);
    return fails(LIST, path) ? NULL : real(path);
}

int stat64(const char *path, struct stat64 *found) {
    REAL(int, stat64, const char *, struct stat64 *);
    return fails(STAT, path) ? -1 : real(path, found);
}

int stat(const char *path, struct stat *found) {
    REAL(int, stat, const char *, struct stat *);
    return fails(STAT, path) ? -1 : real(path, found);
}

int fstat64(int fd, struct stat64 *found) {
    REAL(int, fstat64, int, struct stat64 *);
    return fails_fd(FSTAT, fd) ? -1 : real(fd, found);
}

int fstat(int fd, struct stat *found) {
    REAL(int, fstat, int, struct stat *);
    return fails_fd(FSTAT, fd) ? -1 : real(fd, found);
}

ssize_t pread64(int fd, void *data, size_t size, off64_t offset) {
    REAL(ssize_t, pread64, int, void *, size_t, off64_t);
    return fails_fd(READ, fd) ? -1 : real(fd, data, size, offset);
}

ssize_t pread(int fd, void *data, size_t size, off_t offset) {
    return pread64(fd, data, size, offset);
}

ssize_t preadv64(int fd, const struct iovec *parts, int count, off64_t offset) {
    REAL(ssize_t, preadv64, int, const struct iovec *, int, off64_t);
    return fails_fd(READ, fd) ? -1 : real(fd, parts, count, offset);
}

/* What os.preadv calls, see posixmodule.c of CPython. */
ssize_t preadv64v2(int fd, const struct iovec *parts, int count, off64_t offset, int flags) {
    REAL(ssize_t, preadv64v2, int, const struct iovec *, int, off64_t, int);
    return fails_fd(READ, fd) ? -1 : real(fd, parts, count, offset, flags);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    return fails_fd(WRITE, fd) ? -1 : real(fd, data, size, offset);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    return pwrite64(fd, data, size, offset);
}

ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
    return fails_fd(WRITE, fd) ? -1 : real(fd, data, size);
}

int fsync(int fd) {
    REAL(int, fsync, int);
    return fails_fd(SYNC, fd) ? -1 : real(fd);
}

int fdatasync(int fd) {
    REAL(int, fdatasync, int);
    return fails_fd(SYNC, fd) ? -1 : real(fd);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(int, clock_gettime, clockid_t, struct timespec *);
    int result = real(clock, now);
    if (!result && plan && clock == CLOCK_REALTIME)
        now->tv_sec += plan->shift;
    return result;
}
