/*
 * Receives the kernel's audit records and discards them: the minimal work of a process that makes one
 * call per record.
 *
 *     bare multicast|unicast
 *
 * On SIGTERM it prints the numbers of records and of overflows of the socket, and exits.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    (void)signal;
    stopped = 1;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* Registers a process as the audit daemon, or unregisters it if pid is 0. */
static void be_daemon(int fd, unsigned pid)
{
    struct {
        struct nlmsghdr header;
        struct audit_status status;
    } message;
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

    memset(&message, 0, sizeof message);
    message.header.nlmsg_len = sizeof message;
    message.header.nlmsg_type = AUDIT_SET;
    message.header.nlmsg_flags = NLM_F_REQUEST;
    message.status.mask = AUDIT_STATUS_PID;
    message.status.pid = pid;
    if (sendto(fd, &message, sizeof message, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0)
        fail("register");
}

int main(int argc, char **argv)
{
    static char buffer[16384];
    int unicast = argc > 1 && strcmp(argv[1], "unicast") == 0;
    int room = 64 << 20;
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = unicast ? 0 : 1};
    struct sigaction action = {.sa_handler = stop};
    struct pollfd poll;
    sigset_t blocked, open;
    unsigned long records = 0, overflows = 0;

    /* The signal is unblocked only in ppoll, so that it cannot arrive just before. */
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, &open);
    sigaction(SIGTERM, &action, NULL);

    poll.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
    poll.events = POLLIN;
    if (poll.fd < 0)
        fail("socket");
    if (setsockopt(poll.fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0)
        fail("receive buffer");
    if (bind(poll.fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("bind");
    if (unicast)
        be_daemon(poll.fd, (unsigned)getpid());

    while (!stopped) {
        if (ppoll(&poll, 1, NULL, &open) < 0 && errno != EINTR)
            fail("poll");
        for (;;) {
            ssize_t length = recv(poll.fd, buffer, sizeof buffer, MSG_DONTWAIT);
            if (length >= (ssize_t)sizeof(struct nlmsghdr)) {
                unsigned type = ((struct nlmsghdr *)buffer)->nlmsg_type;
                records += type >= AUDIT_FIRST_USER_MSG;
            } else if (length < 0 && errno == ENOBUFS) {
                overflows++;
            } else if (length < 0 && errno != EINTR) {
                break;
            }
        }
    }
    if (unicast)
        be_daemon(poll.fd, 0);
    printf("records %lu overflows %lu\n", records, overflows);
    return 0;
}
