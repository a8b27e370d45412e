/*
 * load: the load generator of the bench, one process per server under test.
 *
 * Problem.  To compare servers within a few per cent on a noisy machine, every server must be measured in short windows,
 * in shuffled order, many times; so a generator must sit quietly between its windows with its connections open. It takes
 * commands on standard input, one line each, and answers each with one line of JSON on standard output:
 *
 *   open HOST PORT PID COUNT   connect COUNT sockets to the server; PID is the server's, to read its CPU time  {"open":COUNT}
 *   idle COUNT                 COUNT more sockets that stay idle (from 127.0.0.2, 127.0.0.3, ...)              {"idle":COUNT}
 *   exchange MS REQ RESP       keep one request of REQ bytes in flight per socket, each answered by RESP bytes   a window
 *   udp HOST PORT PID          one UDP socket to load a server with                                            {"open":1}
 *   udp-echo MS WINDOW BYTES   keep WINDOW datagrams of BYTES in flight, each of which comes back                a window
 *   udp-source COUNT BYTES     ask for COUNT datagrams of BYTES, sent as fast as the server can                  a window
 *   sink BYTES | source BYTES  one fresh connection: send BYTES in pieces of 64 KiB, or read them, to the end    a window
 *   handshakes MS              connect, shake hands and close, one after another, without resumption             a window
 *
 * Compiled with -DWITH_TLS it is the generator of the TLS workloads: every link is TLS 1.3 by OpenSSL, nothing verified.
 *
 * A window is {"operations":n,"wallNs":n,"cpuNs":n,"stolenTicks":n,"p50us":n,"p99us":n}; of a bulk window the operations are
 * bytes. cpuNs is the server's, summed over /proc/PID/task/<tid>/schedstat (nanoseconds; /proc/PID/stat and getrusage count
 * in ticks of the clock). stolenTicks is what the hypervisor took from this machine meanwhile (`steal` in /proc/stat): the
 * reader drops windows that had any.
 *
 * Invariants.  No request is pipelined.  A window begins and ends on a silent server: the last answers are awaited, then
 * two milliseconds pass, because the kernel brings schedstat of a running thread up to date only at its clock ticks.
 * A datagram that gets lost is not: after 20 ms of silence the window is filled again, and of a source what was sent counts.
 * Any other socket error is fatal: a bench that lost a connection has measured something else.
 * harness/load-worker.mjs speaks the same protocol, more slowly, where there is no C compiler.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
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
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif

enum { PIECE = 65536, READ_BUFFER = 1 << 18, SILENCE_US = 2000, STALL_MS = 20000, PER_SOURCE = 5000, HISTOGRAM_US = 100000 };

/* A connection, in clear or under TLS. */
struct link {
    int fd;
#ifdef WITH_TLS
    SSL *tls;
#endif
};
struct socket_state {
    struct link link;
    uint32_t received; /* bytes of the current answer */
    uint64_t sent_at;
};
static struct sockaddr_in server;
static int server_pid;
static struct socket_state *sockets;
static struct link *idle_sockets;
static int socket_count, idle_count, poller = -1;
static char bytes[READ_BUFFER];

static struct window {
    uint64_t wall, cpu;
    long stolen;
} start;
static uint32_t histogram[HISTOGRAM_US + 1];

static void fail(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Nanoseconds of CPU the server has used, over all its threads. */
static uint64_t server_cpu(void) {
    char path[320];
    uint64_t sum = 0;
    snprintf(path, sizeof path, "/proc/%d/task", server_pid);
    DIR *tasks = opendir(path);
    if (!tasks) fail("the server is gone");
    for (struct dirent *entry; (entry = readdir(tasks));) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", server_pid, entry->d_name);
        FILE *file = fopen(path, "r");
        if (!file) continue; /* the thread has just ended */
        unsigned long long running;
        if (fscanf(file, "%llu", &running) == 1) sum += running;
        fclose(file);
    }
    closedir(tasks);
    return sum;
}

static long stolen_ticks(void) {
    long steal = 0;
    FILE *file = fopen("/proc/stat", "r");
    if (!file) return 0;
    if (fscanf(file, "cpu %*d %*d %*d %*d %*d %*d %*d %ld", &steal) != 1) steal = 0;
    fclose(file);
    return steal;
}

static void start_window(void) {
    memset(histogram, 0, sizeof histogram);
    start.cpu = server_cpu();
    start.stolen = stolen_ticks();
    start.wall = now();
}

static uint32_t percentile(uint64_t total, double fraction) {
    if (!total) return 0;
    uint64_t wanted = (uint64_t)((double)total * fraction), seen = 0;
    for (uint32_t us = 0; us <= HISTOGRAM_US; us++) {
        seen += histogram[us];
        if (seen > wanted) return us;
    }
    return HISTOGRAM_US;
}

static void end_window(uint64_t operations) {
    uint64_t wall = now() - start.wall, answers = 0;
    usleep(SILENCE_US);
    for (int us = 0; us <= HISTOGRAM_US; us++) answers += histogram[us];
    printf("{\"operations\":%llu,\"wallNs\":%llu,\"cpuNs\":%llu,\"stolenTicks\":%ld,\"p50us\":%u,\"p99us\":%u}\n",
           (unsigned long long)operations, (unsigned long long)wall, (unsigned long long)(server_cpu() - start.cpu),
           stolen_ticks() - start.stolen, percentile(answers, 0.5), percentile(answers, 0.99));
}

/* `source` selects the address 127.0.0.(1 + source): one source address has at most 28,000 ports. */
static int connect_socket(int source) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (fd < 0) fail("socket");
    if (source) {
        struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)source)};
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        if (bind(fd, (struct sockaddr *)&from, sizeof from)) fail("bind");
    }
    struct timeval patience = {.tv_sec = STALL_MS / 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&server, sizeof server)) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

#ifdef WITH_TLS
static SSL_CTX *tls_context;

static void tls_fail(const char *what) {
    ERR_print_errors_fp(stderr);
    fail(what);
}

static struct link open_link(int source) {
    struct link link = {.fd = connect_socket(source)};
    if (!tls_context) {
        tls_context = SSL_CTX_new(TLS_client_method());
        /* A server that ends without close_notify, as many do, has not failed. */
        if (tls_context) SSL_CTX_set_options(tls_context, SSL_OP_IGNORE_UNEXPECTED_EOF);
        if (!tls_context || !SSL_CTX_set_min_proto_version(tls_context, TLS1_3_VERSION)) tls_fail("TLS");
    }
    link.tls = SSL_new(tls_context);
    if (!link.tls || !SSL_set_fd(link.tls, link.fd) || SSL_connect(link.tls) != 1) tls_fail("handshake");
    return link;
}

static void close_link(struct link *link) {
    SSL_free(link->tls);
    close(link->fd);
}

static ssize_t send_to(struct link *link, const void *data, size_t size) {
    int done = SSL_write(link->tls, data, (int)size);
    if (done <= 0) tls_fail("send");
    return done;
}

/* Zero at close_notify. In an exchange the socket is set not to block, so a record that has come in part is EAGAIN. */
static ssize_t receive_from(struct link *link, void *into, size_t size) {
    ERR_clear_error();
    int done = SSL_read(link->tls, into, (int)size);
    if (done > 0) return done;
    switch (SSL_get_error(link->tls, done)) {
        case SSL_ERROR_ZERO_RETURN: return 0;
        case SSL_ERROR_WANT_READ: errno = EAGAIN; return -1;
        default: tls_fail("receive"); return -1;
    }
}

static void end_sending(struct link *link) { SSL_shutdown(link->tls); }
#else
static struct link open_link(int source) { return (struct link){.fd = connect_socket(source)}; }

static void close_link(struct link *link) { close(link->fd); }

static ssize_t send_to(struct link *link, const void *data, size_t size) {
    return send(link->fd, data, size, MSG_NOSIGNAL);
}

static ssize_t receive_from(struct link *link, void *into, size_t size) { return recv(link->fd, into, size, 0); }

static void end_sending(struct link *link) { shutdown(link->fd, SHUT_WR); }
#endif

static void open_sockets(int count) {
    poller = epoll_create1(EPOLL_CLOEXEC);
    sockets = calloc((size_t)count + 1, sizeof *sockets);
    if (poller < 0 || !sockets) fail("open");
    for (socket_count = 0; socket_count < count; socket_count++) {
        struct epoll_event interest = {.events = EPOLLIN, .data.u32 = (uint32_t)socket_count};
        struct link *link = &sockets[socket_count].link;
        *link = open_link(0);
        if (fcntl(link->fd, F_SETFL, O_NONBLOCK)) fail("fcntl");
        if (epoll_ctl(poller, EPOLL_CTL_ADD, link->fd, &interest)) fail("epoll_ctl");
    }
}

static void open_idle(int count) {
    idle_sockets = calloc((size_t)count + 1, sizeof *idle_sockets);
    if (!idle_sockets) fail("idle");
    for (idle_count = 0; idle_count < count; idle_count++) idle_sockets[idle_count] = open_link(1 + idle_count / PER_SOURCE);
}

static void ask(struct socket_state *s, const char *request, uint32_t size, uint64_t at) {
    s->received = 0;
    s->sent_at = at;
    if (send_to(&s->link, request, size) != (ssize_t)size) fail("send");
}

static void exchange(uint64_t ms, uint32_t request_size, uint32_t response_size) {
    static const char head[] = "GET / HTTP/1.1\r\nHost: bench.test\r\n\r\n";
    static char request[PIECE];
    if (request_size > PIECE || response_size > READ_BUFFER) fail("sizes");
    memset(request, 'x', request_size);
    if (request_size == sizeof head - 1) memcpy(request, head, request_size);

    start_window();
    uint64_t at = start.wall, end = at + ms * 1000000, operations = 0;
    int in_flight = socket_count;
    for (int i = 0; i < socket_count; i++) ask(&sockets[i], request, request_size, at);
    while (in_flight) {
        struct epoll_event events[256];
        int ready = epoll_wait(poller, events, 256, STALL_MS);
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) fail("the server has stalled");
        for (int i = 0; i < ready; i++) {
            struct socket_state *s = &sockets[events[i].data.u32];
            ssize_t got = receive_from(&s->link, bytes, sizeof bytes);
            if (got < 0 && errno == EAGAIN) continue;
            if (got <= 0) fail("the server closed a connection");
            s->received += (uint32_t)got;
            if (s->received < response_size) continue;
            if (s->received > response_size) fail("the server sent too much");
            at = now();
            uint64_t us = (at - s->sent_at) / 1000;
            histogram[us > HISTOGRAM_US ? HISTOGRAM_US : us]++;
            operations++;
            if (at < end) ask(s, request, request_size, at);
            else in_flight--;
        }
    }
    end_window(operations);
}

static void bulk(int sending, uint64_t total) {
    struct link link = open_link(0);
    uint64_t moved = 0;
    ssize_t done = 1;
    start_window();
    while (sending ? moved < total : done > 0) {
        size_t want = !sending ? sizeof bytes : total - moved < PIECE ? (size_t)(total - moved) : PIECE;
        done = sending ? send_to(&link, bytes, want) : receive_from(&link, bytes, want);
        if (done < 0) fail("bulk");
        moved += (uint64_t)done;
    }
    if (sending) { /* the server closes when it has read everything */
        end_sending(&link);
        while ((done = receive_from(&link, bytes, sizeof bytes)) > 0) continue;
        if (done < 0) fail("the server has not read to the end");
    }
    if (moved != total) fail("bulk: wrong number of bytes");
    close_link(&link);
    end_window(moved);
}

static void handshakes(uint64_t ms) {
    uint64_t done = 0;
    start_window();
    for (uint64_t end = start.wall + ms * 1000000; now() < end; done++) {
        struct link link = open_link(0);
        end_sending(&link);
        close_link(&link);
    }
    end_window(done);
}

static int udp_socket = -1;

static void open_udp(void) {
    int buffer = 8 << 20;
    udp_socket = socket(AF_INET, SOCK_DGRAM, 0);
    if (udp_socket < 0) fail("socket");
    /* Forced only as root; else what the system allows. */
    if (setsockopt(udp_socket, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer))
        setsockopt(udp_socket, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
}

static void send_datagram(const char *data, size_t size) {
    if (sendto(udp_socket, data, size, 0, (struct sockaddr *)&server, sizeof server) != (ssize_t)size) fail("sendto");
}

/* The next datagram's length; -1 after `ms` of silence. */
static ssize_t receive_datagram(int ms) {
    ssize_t got = recv(udp_socket, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got >= 0) return got;
    struct pollfd interest = {.fd = udp_socket, .events = POLLIN};
    if (poll(&interest, 1, ms) == 0) return -1;
    return recv(udp_socket, bytes, sizeof bytes, 0);
}

static void udp_echo(uint64_t ms, int window, size_t size) {
    static char request[2048];
    if (size > sizeof request || size < sizeof(uint64_t)) fail("sizes");
    start_window();
    uint64_t end = start.wall + ms * 1000000, operations = 0;
    int in_flight = 0;
    for (uint64_t at = start.wall; at < end || in_flight > 0; at = now()) {
        for (; in_flight < window && at < end; in_flight++) {
            at = now();
            memcpy(request, &at, sizeof at);
            send_datagram(request, size);
        }
        if (receive_datagram(20) < 0) {
            in_flight = 0;
            continue;
        }
        uint64_t sent_at;
        memcpy(&sent_at, bytes, sizeof sent_at);
        uint64_t us = (now() - sent_at) / 1000;
        histogram[us > HISTOGRAM_US ? HISTOGRAM_US : us]++;
        operations++;
        in_flight--;
    }
    end_window(operations);
}

static void udp_source(uint64_t count, size_t size) {
    char request[64];
    snprintf(request, sizeof request, "%llu %zu", (unsigned long long)count, size);
    start_window();
    send_datagram(request, strlen(request));
    /* One byte means that all have been sent. */
    for (ssize_t got = 0; got != 1;) {
        got = receive_datagram(STALL_MS);
        if (got < 0) fail("the server has stalled");
    }
    end_window(count);
    while (receive_datagram(5) >= 0) continue;
}

int main(void) {
    struct rlimit files;
    char line[256], host[64];
    int port, count;
    unsigned long long amount;
    unsigned request, response;
    signal(SIGPIPE, SIG_IGN);
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "open %63s %d %d %d", host, &port, &server_pid, &count) == 4) {
            server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
            if (inet_pton(AF_INET, host, &server.sin_addr) != 1) fail("host");
            open_sockets(count);
            printf("{\"open\":%d}\n", socket_count);
        } else if (sscanf(line, "udp-echo %llu %u %u", &amount, &request, &response) == 3) {
            udp_echo(amount, (int)request, response);
        } else if (sscanf(line, "udp-source %llu %u", &amount, &request) == 2) {
            udp_source(amount, request);
        } else if (sscanf(line, "udp %63s %d %d", host, &port, &server_pid) == 3) {
            server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
            if (inet_pton(AF_INET, host, &server.sin_addr) != 1) fail("host");
            open_udp();
            printf("{\"open\":1}\n");
        } else if (sscanf(line, "idle %d", &count) == 1) {
            open_idle(count);
            printf("{\"idle\":%d}\n", idle_count);
        } else if (sscanf(line, "exchange %llu %u %u", &amount, &request, &response) == 3) {
            exchange(amount, request, response);
        } else if (sscanf(line, "sink %llu", &amount) == 1) {
            bulk(1, amount);
        } else if (sscanf(line, "source %llu", &amount) == 1) {
            bulk(0, amount);
        } else if (sscanf(line, "handshakes %llu", &amount) == 1) {
            handshakes(amount);
        } else {
            fprintf(stderr, "load: unknown command: %s", line);
            return 2;
        }
    }
    return 0;
}
