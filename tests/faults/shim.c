/* Counts the system calls that touch files below a folder, and lets the n-th of them fail.
 *
 * Loaded by LD_PRELOAD, so that it sees Python's calls and those of Rust's and C++'s libraries. It does nothing
 * until a process calls faults_arm. Files written by mapped memory are seen when they are opened and synced.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum action { COUNT, FAIL_ONCE, FAIL_FROM, SHORT, KILL, POWER };
enum call { OPEN = 1, READ = 2, WRITE = 4, SYNC = 8, RENAME = 16, REMOVE = 32, MAKE = 64 };

#define FILES 65536
static unsigned char inside[FILES];           /* descriptors of files below the folder */
static struct { ino_t inode; off_t synced; } unsynced[FILES]; /* files with bytes that are not on the disk */
static int unsynced_count;
static char folder[4096], ledger[4096];
static int action = COUNT, error_number, calls, armed;
static long target;
static atomic_long seen, seen_by_kind[7];

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static int is_inside(const char *path) {
    if (!armed || !path) return 0;
    /* The command works in the folder, so that what is relative is inside. */
    return path[0] != '/' || strncmp(path, folder, strlen(folder)) == 0;
}

static int is_marked(int descriptor) {
    return armed && descriptor >= 0 && descriptor < FILES && inside[descriptor];
}

static void mark(int descriptor, int yes) {
    if (descriptor >= 0 && descriptor < FILES) inside[descriptor] = (unsigned char)yes;
}

static void dirty(int descriptor, int emptied) {
    struct stat status;
    if (action != POWER || fstat(descriptor, &status) || !S_ISREG(status.st_mode)) return;
    for (int i = 0; i < unsynced_count; i++)
        if (unsynced[i].inode == status.st_ino) {
            if (emptied) unsynced[i].synced = 0;
            return;
        }
    if (unsynced_count < FILES) {
        unsynced[unsynced_count].inode = status.st_ino;
        unsynced[unsynced_count++].synced = emptied ? 0 : status.st_size;
    }
}

static void clean(int descriptor) {
    struct stat status;
    if (action != POWER || fstat(descriptor, &status)) return;
    for (int i = 0; i < unsynced_count; i++)
        if (unsynced[i].inode == status.st_ino) unsynced[i--] = unsynced[--unsynced_count];
}

static void end_here(void) {
    if (action == POWER) {
        FILE *stream = fopen(ledger, "w");
        for (int i = 0; stream && i < unsynced_count; i++)
            fprintf(stream, "%lu %ld\n", (unsigned long)unsynced[i].inode, (long)unsynced[i].synced);
        if (stream) fclose(stream);
    }
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* 1 if the call must fail with errno set, 2 if it must write less than it was given. */
static int meet(enum call call) {
    atomic_fetch_add(&seen_by_kind[__builtin_ctz(call)], 1);
    if (!(call & calls)) return 0;
    long number = atomic_fetch_add(&seen, 1) + 1;
    if (action == COUNT || number < target || (action != FAIL_FROM && number != target)) return 0;
    if (action == KILL || action == POWER) {
        armed = 0;
        end_here();
    }
    if (action == SHORT) return 2;
    errno = error_number;
    return 1;
}

void faults_arm(int what, long nth, int error, int which, const char *below, const char *where) {
    strncpy(folder, below, sizeof folder - 1);
    strncpy(ledger, where, sizeof ledger - 1);
    action = what, target = nth, error_number = error, calls = which;
    atomic_store(&seen, 0);
    armed = 1;
}

void faults_disarm(void) { armed = 0; }

long faults_seen(int kind) { return atomic_load(&seen_by_kind[kind]); }

static int opened(int descriptor, int flags) {
    if (descriptor >= 0) {
        mark(descriptor, 1);
        if (flags & (O_CREAT | O_TRUNC)) {
            struct stat status;
            if (!fstat(descriptor, &status) && status.st_size == 0) dirty(descriptor, 1);
        }
    }
    return descriptor;
}

#define OPEN_LIKE(name, parameters, condition, path, call_it) \
    int name parameters { \
        REAL(name); \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { \
            va_list rest; \
            va_start(rest, flags); \
            mode = va_arg(rest, mode_t); \
            va_end(rest); \
        } \
        if (!(condition)) { \
            int plain = call_it; \
            mark(plain, 0); \
            return plain; \
        } \
        enum call call = (flags & O_ACCMODE) == O_RDONLY ? READ : OPEN; \
        if (meet(call) == 1) return -1; \
        return opened(call_it, flags); \
    }

OPEN_LIKE(open, (const char *path, int flags, ...), is_inside(path), path, real(path, flags, mode))
OPEN_LIKE(open64, (const char *path, int flags, ...), is_inside(path), path, real(path, flags, mode))
OPEN_LIKE(openat, (int at, const char *path, int flags, ...),
          is_inside(path) && (path[0] == '/' || at == AT_FDCWD || is_marked(at)), path, real(at, path, flags, mode))
OPEN_LIKE(openat64, (int at, const char *path, int flags, ...),
          is_inside(path) && (path[0] == '/' || at == AT_FDCWD || is_marked(at)), path, real(at, path, flags, mode))

int close(int descriptor) {
    REAL(close);
    mark(descriptor, 0);
    return real(descriptor);
}

ssize_t read(int descriptor, void *buffer, size_t count) {
    REAL(read);
    if (is_marked(descriptor)) {
        int met = meet(READ);
        if (met == 1) return -1;
        if (met == 2 && count > 1) count /= 2;
    }
    return real(descriptor, buffer, count);
}

#define WRITE_LIKE(name, parameters, arguments) \
    ssize_t name parameters { \
        REAL(name); \
        if (is_marked(descriptor)) { \
            int met = meet(WRITE); \
            if (met == 1) return -1; \
            if (met == 2 && count > 1) count /= 2; \
            dirty(descriptor, 0); \
        } \
        return real arguments; \
    }

WRITE_LIKE(write, (int descriptor, const void *buffer, size_t count), (descriptor, buffer, count))
WRITE_LIKE(pwrite, (int descriptor, const void *buffer, size_t count, off_t offset),
           (descriptor, buffer, count, offset))
WRITE_LIKE(pwrite64, (int descriptor, const void *buffer, size_t count, off64_t offset),
           (descriptor, buffer, count, offset))

ssize_t writev(int descriptor, const struct iovec *vector, int count) {
    REAL(writev);
    if (is_marked(descriptor)) {
        int met = meet(WRITE);
        if (met == 1) return -1;
        if (met == 2 && count > 1) count /= 2;
        dirty(descriptor, 0);
    }
    return real(descriptor, vector, count);
}

ssize_t sendfile(int out, int in, off_t *offset, size_t count) {
    static ssize_t (*real)(int, int, off_t *, size_t);
    if (!real) real = (ssize_t (*)(int, int, off_t *, size_t))dlsym(RTLD_NEXT, "sendfile");
    if (is_marked(out)) {
        int met = meet(WRITE);
        if (met == 1) return -1;
        if (met == 2 && count > 1) count /= 2;
        dirty(out, 0);
    }
    return real(out, in, offset, count);
}

ssize_t sendfile64(int out, int in, off64_t *offset, size_t count) { return sendfile(out, in, offset, count); }

#define SYNC_LIKE(name) \
    int name(int descriptor) { \
        REAL(name); \
        if (is_marked(descriptor)) { \
            if (meet(SYNC) == 1) return -1; \
            clean(descriptor); \
        } \
        return real(descriptor); \
    }

SYNC_LIKE(fsync)
SYNC_LIKE(fdatasync)

#define CUT_LIKE(name, type) \
    int name(int descriptor, type length) { \
        REAL(name); \
        if (is_marked(descriptor)) { \
            if (meet(WRITE) == 1) return -1; \
            dirty(descriptor, length == 0); \
        } \
        return real(descriptor, length); \
    }

CUT_LIKE(ftruncate, off_t)
CUT_LIKE(ftruncate64, off64_t)

#define PATH_LIKE(name, parameters, path, call, arguments) \
    int name parameters { \
        REAL(name); \
        if (is_inside(path) && meet(call) == 1) return -1; \
        return real arguments; \
    }

PATH_LIKE(rename, (const char *from, const char *to), to, RENAME, (from, to))
PATH_LIKE(renameat, (int a, const char *from, int b, const char *to), to, RENAME, (a, from, b, to))
PATH_LIKE(unlink, (const char *path), path, REMOVE, (path))
PATH_LIKE(unlinkat, (int at, const char *path, int flags), path, REMOVE, (at, path, flags))
PATH_LIKE(rmdir, (const char *path), path, REMOVE, (path))
PATH_LIKE(mkdir, (const char *path, mode_t mode), path, MAKE, (path, mode))
