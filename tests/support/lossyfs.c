/* LD_PRELOAD shim: notes what was fsynced below LOSSY_ROOT, so that a power cut can be played.
 *
 * At fsync or fdatasync of a file its bytes are copied to LOSSY_STORE/files/<id>; at fsync of a
 * folder its entries are written to LOSSY_STORE/dirs/<id>; at syncfs all files and folders are
 * noted so. An id is inode and time of birth.
 * What is in the store is what a disk has to keep; everything else may be gone after a power cut.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int inside(int fd, char *path, size_t room)
{
    const char *root = getenv("LOSSY_ROOT");
    char link[64];
    ssize_t n;

    if (!root)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, room - 1);
    if (n <= 0)
        return 0;
    path[n] = 0;
    return strncmp(path, root, strlen(root)) == 0;
}

static int identity(int at, const char *name, int flags, char *id, size_t room, char *kind)
{
    struct statx info;

    if (statx(at, name, flags, STATX_BASIC_STATS | STATX_BTIME, &info))
        return -1;
    snprintf(id, room, "%llu-%lld-%u", (unsigned long long)info.stx_ino,
             (long long)info.stx_btime.tv_sec, info.stx_btime.tv_nsec);
    *kind = S_ISDIR(info.stx_mode) ? 'd' : S_ISREG(info.stx_mode) ? 'f' : 'o';
    return 0;
}

static int store(const char *part, const char *id, char *final, char *draft)
{
    static __thread unsigned count;
    const char *base = getenv("LOSSY_STORE");

    snprintf(final, PATH_MAX, "%s/%s/%s", base, part, id);
    snprintf(draft, PATH_MAX, "%s/draft/%s-%d-%ld-%u", base, id, getpid(),
             (long)syscall(SYS_gettid), count++);
    return open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

static void keep_file(int fd, const char *id)
{
    static __thread char buffer[1 << 16];
    char final[PATH_MAX], draft[PATH_MAX], self[64];
    int in, out = store("files", id, final, draft);
    ssize_t n;

    if (out < 0)
        return;
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    in = open(self, O_RDONLY | O_CLOEXEC);
    while (in >= 0 && (n = read(in, buffer, sizeof buffer)) > 0)
        if (write(out, buffer, n) != n)
            break;
    if (in >= 0)
        close(in);
    close(out);
    rename(draft, final);
}

static void keep_folder(const char *path, const char *id)
{
    char final[PATH_MAX], draft[PATH_MAX], child[128], kind;
    int out = store("dirs", id, final, draft);
    DIR *folder = opendir(path);
    struct dirent *entry;

    while (out >= 0 && folder && (entry = readdir(folder))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (!identity(dirfd(folder), entry->d_name, AT_SYMLINK_NOFOLLOW, child, sizeof child, &kind))
            dprintf(out, "%c %s %s%c", kind, child, entry->d_name, 0);
    }
    if (folder)
        closedir(folder);
    if (out >= 0) {
        close(out);
        rename(draft, final);
    }
}

static int noted(int fd, const char *name)
{
    int (*real)(int) = dlsym(RTLD_NEXT, name);
    char path[PATH_MAX], id[128], kind;
    int answer = real(fd), saved = errno;

    if (!answer && inside(fd, path, sizeof path) &&
        !identity(fd, "", AT_EMPTY_PATH, id, sizeof id, &kind)) {
        if (kind == 'f')
            keep_file(fd, id);
        if (kind == 'd')
            keep_folder(path, id);
    }
    errno = saved;
    return answer;
}

int fsync(int fd) { return noted(fd, "fsync"); }
int fdatasync(int fd) { return noted(fd, "fdatasync"); }

static int note_one(const char *path, const struct stat *info, int type, struct FTW *at)
{
    int fd = type == FTW_F || type == FTW_D ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    char id[128], kind;

    if (fd >= 0 && !identity(fd, "", AT_EMPTY_PATH, id, sizeof id, &kind)) {
        if (kind == 'f')
            keep_file(fd, id);
        if (kind == 'd')
            keep_folder(path, id);
    }
    if (fd >= 0)
        close(fd);
    return 0;
}

int syncfs(int fd)
{
    int (*real)(int) = dlsym(RTLD_NEXT, "syncfs");
    char path[PATH_MAX];
    int answer = real(fd), saved = errno;

    if (!answer && inside(fd, path, sizeof path))
        nftw(getenv("LOSSY_ROOT"), note_one, 32, FTW_PHYS);
    errno = saved;
    return answer;
}
