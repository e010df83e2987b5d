/* LD_PRELOAD shim: one call that changes files below FAIL_ROOT fails, the one that was asked for.
 *
 * fail_arm(n, error) makes the n-th such call from now fail with `error` (n = 0: none) and begins
 * to count; fail_count() tells how many there were. Counted are open for writing, write, pwrite,
 * fsync, fdatasync, rename, link, mkdir and unlink.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static long count, fail_at;
static int error_number;

void fail_arm(long n, int error)
{
    __atomic_store_n(&error_number, error, __ATOMIC_SEQ_CST);
    __atomic_store_n(&count, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&fail_at, n, __ATOMIC_SEQ_CST);
}

long fail_count(void) { return __atomic_load_n(&count, __ATOMIC_SEQ_CST); }

static int below(const char *path)
{
    const char *root = getenv("FAIL_ROOT");

    return root && path && !strncmp(path, root, strlen(root));
}

static int below_fd(int fd)
{
    char link[64], path[PATH_MAX];
    ssize_t n;

    if (!getenv("FAIL_ROOT"))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    if (n <= 0)
        return 0;
    path[n] = 0;
    return below(path);
}

static int fails(int counted)
{
    if (!counted || __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST) != fail_at)
        return 0;
    errno = error_number;
    return 1;
}

#define REAL(name) real = dlsym(RTLD_NEXT, name)

ssize_t write(int fd, const void *data, size_t n)
{
    ssize_t (*real)(int, const void *, size_t);
    REAL("write");
    return fails(below_fd(fd)) ? -1 : real(fd, data, n);
}

ssize_t pwrite64(int fd, const void *data, size_t n, off_t at)
{
    ssize_t (*real)(int, const void *, size_t, off_t);
    REAL("pwrite64");
    return fails(below_fd(fd)) ? -1 : real(fd, data, n, at);
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at) { return pwrite64(fd, data, n, at); }

int fsync(int fd)
{
    int (*real)(int);
    REAL("fsync");
    return fails(below_fd(fd)) ? -1 : real(fd);
}

int fdatasync(int fd)
{
    int (*real)(int);
    REAL("fdatasync");
    return fails(below_fd(fd)) ? -1 : real(fd);
}

int rename(const char *from, const char *to)
{
    int (*real)(const char *, const char *);
    REAL("rename");
    return fails(below(to)) ? -1 : real(from, to);
}

int renameat(int a, const char *from, int b, const char *to)
{
    int (*real)(int, const char *, int, const char *);
    REAL("renameat");
    return fails(below(to)) ? -1 : real(a, from, b, to);
}

int linkat(int a, const char *from, int b, const char *to, int flags)
{
    int (*real)(int, const char *, int, const char *, int);
    REAL("linkat");
    return fails(below(to)) ? -1 : real(a, from, b, to, flags);
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int mkdir(const char *path, mode_t mode)
{
    int (*real)(const char *, mode_t);
    REAL("mkdir");
    return fails(below(path)) ? -1 : real(path, mode);
}

static int opened(const char *name, const char *path, int flags, mode_t mode)
{
    int (*real)(const char *, int, ...);
    REAL(name);
    if (fails((flags & O_ACCMODE) != O_RDONLY && below(path)))
        return -1;
    return real(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list rest;

    if (flags & (O_CREAT | O_TMPFILE)) {
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
    }
    return opened("open64", path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list rest;

    if (flags & (O_CREAT | O_TMPFILE)) {
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
    }
    return opened("open", path, flags, mode);
}
