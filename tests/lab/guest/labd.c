// labd: the first process of the lab's guest, and its only service. Runs commands and moves files for the host.
//
// One TCP connection to port 1022 is one request; any number at the same time. A request is a line and its data:
//     EXEC <timeout_ms> <length>\n<bash script>
//     PUT <mode, octal> <length> <path>\n<data>       (appears under its name only when complete)
//     GET <path>\n
// The answer is frames of kind (1 byte), length (4 bytes, big endian), payload: 'O' standard output or file data,
// 'E' standard error, and at last 'X' with "<exit code> <why>". Exit code 124 is the timeout; its "why" is
// "timeout-unkillable" when not even SIGKILL ended the command, as happens to writers on a dead NFS server.
//
// Why not ssh: no keys, no cryptography under emulation, and nothing of it ever touches a file system under test.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PORT = 1022, LINE_MAX_BYTES = 4600, SCRIPT_MAX = 1 << 20, KILL_GRACE_MS = 5000, LEFTOVER_MS = 2000 };

static char buffer[1 << 18];

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static int write_all(int fd, const void *data, size_t length) {
    for (const char *at = data; length;) {
        ssize_t n = write(fd, at, length);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        at += n, length -= n;
    }
    return 0;
}

static int read_all(int fd, void *data, size_t length) {
    for (char *at = data; length;) {
        ssize_t n = read(fd, at, length);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return -1;
        at += n, length -= n;
    }
    return 0;
}

static int frame(int fd, char kind, const void *data, uint32_t length) {
    char head[5] = {kind};
    uint32_t big = htonl(length);
    memcpy(head + 1, &big, 4);
    return write_all(fd, head, 5) || write_all(fd, data, length) ? -1 : 0;
}

static void finish(int fd, int code, const char *why) {
    char text[128];
    frame(fd, 'X', text, snprintf(text, sizeof text, "%d %s", code, why));
    shutdown(fd, SHUT_WR);
    _exit(0);
}

// Starts bash in a session of its own; its output comes from the two pipes.
static pid_t start(char *script, int out[2], int err[2]) {
    pid_t pid = fork();
    if (pid) return pid;
    setsid();
    dup2(open("/dev/null", O_RDONLY), 0);
    dup2(out[1], 1);
    dup2(err[1], 2);
    for (int fd = 3; fd < 64; fd++) close(fd);
    signal(SIGPIPE, SIG_DFL);
    execl("/bin/bash", "bash", "-c", script, (char *)0);
    _exit(127);
}

// Passes on what there is to read; returns whether there was something. Closes the end (-1) at end of file.
static int relay(int client, struct pollfd *from, char kind, pid_t group) {
    if (from->fd < 0 || !from->revents) return 0;
    ssize_t n = read(from->fd, buffer, sizeof buffer);
    if (n <= 0) {
        from->fd = -1;
        return 0;
    }
    if (frame(client, kind, buffer, n)) kill(-group, SIGKILL), _exit(1);
    return 1;
}

static void do_exec(int client, long timeout_ms, size_t length) {
    int out[2], err[2], status = 0;
    if (length > SCRIPT_MAX) finish(client, 125, "script too long");
    char *script = calloc(1, length + 1);
    if (!script || read_all(client, script, length)) _exit(1);
    if (pipe(out) || pipe(err)) finish(client, 126, "pipe");
    pid_t pid = start(script, out, err);
    close(out[1]);
    close(err[1]);
    int64_t deadline = timeout_ms > 0 ? now_ms() + timeout_ms : INT64_MAX, killed = 0, ended = 0;
    struct pollfd fds[3] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}, {client, POLLRDHUP, 0}};
    for (;;) {
        int ready = poll(fds, 3, ended ? 20 : 50), got = 0;
        if (ready > 0) {
            got = relay(client, &fds[0], 'O', pid) + relay(client, &fds[1], 'E', pid);
            if (fds[2].revents & (POLLRDHUP | POLLHUP | POLLERR)) kill(-pid, SIGKILL), _exit(1);
        }
        if (!ended && waitpid(pid, &status, WNOHANG) == pid) ended = now_ms();
        // Children that the command left in the background are not waited for.
        int drained = (fds[0].fd < 0 && fds[1].fd < 0) || (!got && !ready);
        if (ended && (drained || now_ms() - ended > LEFTOVER_MS)) break;
        if (!ended && !killed && now_ms() > deadline) {
            kill(-pid, SIGKILL);
            kill(pid, SIGKILL);
            killed = now_ms();
        }
        if (!ended && killed && now_ms() - killed > KILL_GRACE_MS) finish(client, 124, "timeout-unkillable");
    }
    if (killed) finish(client, 124, "timeout");
    finish(client, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), "ok");
}

static void do_put(int client, unsigned mode, size_t length, const char *path) {
    char partial[LINE_MAX_BYTES + 16];
    snprintf(partial, sizeof partial, "%s.labd-partial", path);
    int fd = open(partial, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (fd < 0) finish(client, errno, "open");
    while (length) {
        ssize_t n = read(client, buffer, length < sizeof buffer ? length : sizeof buffer);
        if (n <= 0) unlink(partial), _exit(1);
        if (write_all(fd, buffer, n)) finish(client, errno, "write");
        length -= n;
    }
    fchmod(fd, mode);
    close(fd);
    if (rename(partial, path)) finish(client, errno, "rename");
    finish(client, 0, "ok");
}

static void do_get(int client, const char *path) {
    int fd = open(path, O_RDONLY);
    ssize_t n;
    if (fd < 0) finish(client, errno, "open");
    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        if (frame(client, 'O', buffer, n)) _exit(1);
    finish(client, n < 0 ? errno : 0, "ok");
}

static void serve(int client) {
    int one = 1, path = 0;
    char line[LINE_MAX_BYTES];
    size_t n = 0, length;
    long timeout_ms;
    unsigned mode;
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    for (; n < sizeof line - 1; n++) {
        if (read_all(client, line + n, 1)) _exit(0);
        if (line[n] == '\n') break;
    }
    line[n] = 0;
    if (sscanf(line, "EXEC %ld %zu", &timeout_ms, &length) == 2) do_exec(client, timeout_ms, length);
    if (sscanf(line, "PUT %o %zu %n", &mode, &length, &path) == 2 && path) do_put(client, mode, length, line + path);
    if (!strncmp(line, "GET ", 4)) do_get(client, line + 4);
    finish(client, 125, "not a request");
}

static void interrupt(int signal) { (void)signal; } // So that a dying child ends accept() and is reaped.

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = interrupt}, 0);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = INADDR_ANY};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (void *)&at, sizeof at) || listen(listener, 64)) return perror("labd"), 1;
    for (;;) {
        int client = accept4(listener, 0, 0, SOCK_CLOEXEC);
        while (waitpid(-1, 0, WNOHANG) > 0) {}
        if (client < 0) continue;
        if (!fork()) {
            signal(SIGCHLD, SIG_DFL);
            close(listener);
            serve(client);
        }
        close(client);
    }
}
