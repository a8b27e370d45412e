/*
 * server: the yardstick. What one thread with level-triggered epoll and no library costs on this machine.
 *
 *   server WORKLOAD TOTAL        WORKLOAD is http, echo, sink or source; TOTAL is what source sends on each connection
 *
 * It binds a free port of 127.0.0.1 and prints {"port":N} when it listens, as every server of the bench does.
 * http answers each received chunk with the same 78 bytes, without parsing: the cost of moving bytes, not of HTTP. It is the
 * floor of each table, and every other row is read as a multiple of it. Answers are small against the socket buffer, so a
 * short send cannot happen with one request in flight and ends the connection; source keeps an edge-triggered cursor.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 65536, MAX_FD = 1 << 16 };

static const char response[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";
static char bytes[PIECE];
static uint64_t unsent[MAX_FD];

/* Sends until the socket is full; the connection ends when all was sent. */
static void pump(int fd) {
    while (unsent[fd]) {
        size_t piece = unsent[fd] < PIECE ? (size_t)unsent[fd] : PIECE;
        ssize_t sent = send(fd, bytes, piece, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) return;
        if (sent < 0) break;
        unsent[fd] -= (uint64_t)sent;
    }
    close(fd);
}

static void serve(int fd, char workload) {
    ssize_t got = recv(fd, bytes, sizeof bytes, 0), sent = 0;
    if (got < 0 && errno == EAGAIN) return;
    if (got > 0 && workload == 'h') sent = send(fd, response, sizeof response - 1, MSG_NOSIGNAL);
    if (got > 0 && workload == 'e') sent = send(fd, bytes, (size_t)got, MSG_NOSIGNAL);
    if (got <= 0 || sent < 0) close(fd);
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    const char *workload = argv[1];
    int sending = !strcmp(workload, "source"), one = 1;
    uint64_t total = strtoull(argv[2], NULL, 10);
    struct rlimit files;
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poller = epoll_create1(0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096) ||
        getsockname(listener, (struct sockaddr *)&address, &size)) {
        perror("server");
        return 1;
    }
    struct epoll_event interest = {.events = EPOLLIN, .data.fd = listener}, events[256];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &interest);
    printf("{\"port\":%d}\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int ready = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) {
                if (sending) pump(fd);
                else serve(fd, workload[0]);
                continue;
            }
            while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                if (fd >= MAX_FD) {
                    close(fd);
                    continue;
                }
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                unsent[fd] = total;
                interest = (struct epoll_event){.events = sending ? EPOLLOUT | EPOLLET : EPOLLIN, .data.fd = fd};
                epoll_ctl(poller, EPOLL_CTL_ADD, fd, &interest);
            }
        }
    }
}
