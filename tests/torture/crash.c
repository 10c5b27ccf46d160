/* Kills its own process with SIGKILL at a chosen call on the exporter's state files or logs.
 *
 * Preloaded (LD_PRELOAD) into the unchanged daemon. `struct plan` is a file that the test maps, too
 * (tests/torture/crash.py holds the same layout): it says at which call to die and takes the numbers.
 * SQLite, in CPython's _sqlite3, reaches the system through the interposed names.
 *
 * All changes to the state's content are noted in the file `undo`, so that the test can take back what
 * was not synced when the process died, as a power loss would.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum call { OPEN, READ, WRITE, SYNC, TRUNCATE, RENAME, UNLINK, CALLS };
enum file { DATABASE, WAL, SHM, JOURNAL, FRESH, LOCK, FOLDER, LOG, FILES, NONE = FILES };
enum how { PASS, BEFORE, TORN, AFTER, LATER };

struct plan {
    uint32_t armed;     /* 1: the `countdown`-th call dies; read last, written last */
    uint32_t call;      /* which calls count: enum call, or CALLS for all */
    uint32_t files;     /* on which files: a bit for each enum file */
    uint32_t how;       /* enum how */
    uint32_t part;      /* TORN: thousandths that are written; LATER: microseconds until the end */
    int64_t countdown;
    uint32_t died;      /* 1 once it struck; then where: */
    uint32_t died_call;
    uint32_t died_file;
    uint64_t seen[CALLS][FILES];
    char state[PATH_MAX];
    char logs[PATH_MAX];
    char undo[PATH_MAX];
};

struct change {
    uint32_t call;      /* WRITE, TRUNCATE, SYNC, RENAME (to `file` from `offset`), UNLINK */
    uint32_t file;
    uint64_t offset;
    uint64_t size;      /* of the file before */
    uint64_t before;    /* bytes of old content that follow */
    uint64_t after;     /* bytes of new content that follow */
};

static struct plan *plan;
static int undo = -1;

#define REAL(result, name, ...)                                        \
    static result (*real)(__VA_ARGS__);                                \
    if (!real)                                                         \
        real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("TORTURE_PLAN");
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;
    if (fd < 0)
        return;
    void *mapped = mmap(NULL, sizeof(struct plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    plan = mapped == MAP_FAILED ? NULL : mapped;
    syscall(SYS_close, fd);
}

static enum file kind_of(const char *path) {
    static const struct { const char *suffix; enum file file; } names[] = {
        {"", DATABASE}, {"-wal", WAL}, {"-shm", SHM}, {"-journal", JOURNAL}, {".tmp", FRESH},
        {".new", FRESH}, {".tmp-journal", JOURNAL}, {".lock", LOCK},
    };
    if (!plan || !path)
        return NONE;
    size_t length = strlen(plan->state);
    if (length && !strncmp(path, plan->state, length))
        for (size_t one = 0; one < sizeof names / sizeof *names; one++)
            if (!strcmp(path + length, names[one].suffix))
                return names[one].file;
    length = strlen(plan->logs);
    if (length && !strncmp(path, plan->logs, length) && path[length] == '/')
        return LOG;
    length = strlen(path);
    return length && !strncmp(path, plan->state, length) && plan->state[length] == '/' &&
                   !strchr(plan->state + length + 1, '/') ? FOLDER : NONE;
}

static enum file kind_of_fd(int fd) {
    char link[64], path[PATH_MAX];
    if (!plan)
        return NONE;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlink, link, path, sizeof path - 1);
    if (length <= 0)
        return NONE;
    path[length] = 0;
    return kind_of(path);
}

static void die(enum call call, enum file file) {
    plan->died_call = call;
    plan->died_file = file;
    __atomic_store_n(&plan->died, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;)
        syscall(SYS_pause);
}

static void *wait_and_die(void *site) {
    usleep(plan->part);
    die((enum call)((uintptr_t)site / FILES), (enum file)((uintptr_t)site % FILES));
    return NULL;
}

/* Counts a call; dies if it is to die before it. Returns how to die otherwise. */
static enum how due(enum call call, enum file file) {
    if (file == NONE)
        return PASS;
    __atomic_add_fetch(&plan->seen[call][file], 1, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&plan->armed, __ATOMIC_SEQ_CST))
        return PASS;
    if ((plan->call != CALLS && plan->call != (uint32_t)call) || !(plan->files >> file & 1))
        return PASS;
    if (__atomic_sub_fetch(&plan->countdown, 1, __ATOMIC_SEQ_CST) != 0)
        return PASS;
    if (plan->how == BEFORE || (plan->how == TORN && call != WRITE))
        die(call, file);
    return plan->how;
}

static void finish(enum how how, enum call call, enum file file) {
    pthread_t thread;
    if (how == AFTER)
        die(call, file);
    if (how == LATER)
        pthread_create(&thread, NULL, wait_and_die, (void *)((uintptr_t)call * FILES + (uintptr_t)file));
}

static void put(const void *data, size_t size) {
    while (size) {
        ssize_t done = syscall(SYS_write, undo, data, size);
        if (done <= 0)
            abort();
        data = (const char *)data + done;
        size -= (size_t)done;
    }
}

/* Notes a change that is about to happen; `fd` gives the old content. */
static void note(enum call call, enum file file, int fd, uint64_t offset, const void *new, uint64_t after) {
    if (file > FRESH)
        return;
    if (undo < 0)
        undo = (int)syscall(SYS_openat, AT_FDCWD, plan->undo, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct change change = {call, file, offset, 0, 0, after};
    struct stat found;
    char *old = NULL;
    if (fd >= 0 && !fstat(fd, &found)) {
        change.size = (uint64_t)found.st_size;
        uint64_t end = call == TRUNCATE || offset + after > change.size ? change.size : offset + after;
        change.before = end > offset ? end - offset : 0;
    }
    /* Through /proc, since the descriptor may be open for writing only. */
    if (change.before) {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        int again = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
        old = malloc(change.before);
        if (again < 0 || !old || syscall(SYS_pread64, again, old, change.before, offset) != (long)change.before)
            abort();
        syscall(SYS_close, again);
    }
    put(&change, sizeof change);
    put(old, change.before);
    put(new, change.after);
    free(old);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    enum file file = kind_of_fd(fd);
    enum how how = due(WRITE, file);
    if (how == TORN)
        size = size * plan->part / 1000;
    note(WRITE, file, fd, (uint64_t)offset, data, size);
    ssize_t done = real(fd, data, size, offset);
    finish(how == TORN ? AFTER : how, WRITE, file);
    return done;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    return pwrite64(fd, data, size, offset);
}

ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
    enum file file = kind_of_fd(fd);
    enum how how = due(WRITE, file);
    if (how == TORN)
        size = size * plan->part / 1000;
    if (file != NONE)
        note(WRITE, file, fd, (uint64_t)lseek(fd, 0, SEEK_CUR), data, size);
    ssize_t done = real(fd, data, size);
    finish(how == TORN ? AFTER : how, WRITE, file);
    return done;
}

ssize_t preadv64(int fd, const struct iovec *parts, int count, off64_t offset) {
    REAL(ssize_t, preadv64, int, const struct iovec *, int, off64_t);
    enum file file = kind_of_fd(fd);
    enum how how = due(READ, file);
    ssize_t done = real(fd, parts, count, offset);
    finish(how, READ, file);
    return done;
}

/* What os.preadv calls, see posixmodule.c of CPython. */
ssize_t preadv64v2(int fd, const struct iovec *parts, int count, off64_t offset, int flags) {
    REAL(ssize_t, preadv64v2, int, const struct iovec *, int, off64_t, int);
    enum file file = kind_of_fd(fd);
    enum how how = due(READ, file);
    ssize_t done = real(fd, parts, count, offset, flags);
    finish(how, READ, file);
    return done;
}

static int synced(int fd, int (*real)(int)) {
    enum file file = kind_of_fd(fd);
    enum how how = due(SYNC, file);
    int result = real(fd);
    if (!result)
        note(SYNC, file, -1, 0, NULL, 0);
    finish(how, SYNC, file);
    return result;
}

int fsync(int fd) {
    REAL(int, fsync, int);
    return synced(fd, real);
}

int fdatasync(int fd) {
    REAL(int, fdatasync, int);
    return synced(fd, real);
}

int ftruncate64(int fd, off64_t size) {
    REAL(int, ftruncate64, int, off64_t);
    enum file file = kind_of_fd(fd);
    enum how how = due(TRUNCATE, file);
    note(TRUNCATE, file, fd, (uint64_t)size, NULL, 0);
    int result = real(fd, size);
    finish(how, TRUNCATE, file);
    return result;
}

int ftruncate(int fd, off_t size) {
    return ftruncate64(fd, size);
}

int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    enum file file = kind_of(to);
    enum how how = due(RENAME, file);
    note(RENAME, file, -1, (uint64_t)kind_of(from), NULL, 0);
    int result = real(from, to);
    finish(how, RENAME, file);
    return result;
}

int unlink(const char *path) {
    REAL(int, unlink, const char *);
    enum file file = kind_of(path);
    enum how how = due(UNLINK, file);
    note(UNLINK, file, -1, 0, NULL, 0);
    int result = real(path);
    finish(how, UNLINK, file);
    return result;
}

int open64(const char *path, int flags, ...) {
    REAL(int, open64, const char *, int, ...);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    enum file file = kind_of(path);
    enum how how = due(OPEN, file);
    int result = real(path, flags, mode);
    finish(how, OPEN, file);
    return result;
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open64(path, flags, mode);
}
