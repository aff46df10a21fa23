/*
 * A storm of joins: so many connections a second ask for a WebSocket, whatever becomes of those before. Who is let in
 * says a line of --hellos and leaves when he is answered; who gets no answer within the patience goes without. Options:
 * --port, --path, --protocol, --hellos FILE, --joins-per-second, --seconds, --addresses N (of loopback, in turn),
 * --patience-ms. Prints what came of them.
 */
#include "loopback.h"
#include "options.h"
#include "stamp.h"
#include "ws.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define OPEN_MAX 16384
/* More than begin within the patience. */
#define JOINERS_MAX 65536
#define EVENTS 256

enum state { FREE, CONNECTING, ASKING, ENTERING };

struct joiner {
  int fd;
  enum state state;
  uint64_t began_ns;
};

/* A ring, in the order in which they began. */
static struct joiner joiners[JOINERS_MAX];
static uint64_t oldest, next_joiner;

static int open_count;
static int epoll, addresses;
static char request[2048];
static size_t request_size;
static struct ws_hellos hellos;
static struct sockaddr_in server = {.sin_family = AF_INET};
static uint64_t offered, admitted, refused, closed, unanswered, withheld;

static void leave(struct joiner *joiner, uint64_t *outcome) {
  /* Reset, so that the port is free at once. */
  struct linger linger = {.l_onoff = 1, .l_linger = 0};
  setsockopt(joiner->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close(joiner->fd);
  joiner->state = FREE;
  open_count--;
  ++*outcome;
}

static void begin(uint64_t now_ns) {
  if (open_count >= OPEN_MAX || next_joiner - oldest >= JOINERS_MAX) {
    withheld++;
    return;
  }
  struct joiner *joiner = &joiners[next_joiner++ % JOINERS_MAX];
  *joiner = (struct joiner){socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), CONNECTING, now_ns};
  if (joiner->fd < 0) fail("socket: %s", strerror(errno));
  loopback_bind(joiner->fd, (uint32_t)(offered % (uint64_t)addresses));
  offered++;
  open_count++;
  if (connect(joiner->fd, (struct sockaddr *)&server, sizeof server) != 0 && errno != EINPROGRESS) {
    leave(joiner, &closed);
    return;
  }
  struct epoll_event event = {.events = EPOLLOUT, .data.ptr = joiner};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, joiner->fd, &event) != 0) fail("epoll_ctl: %s", strerror(errno));
}

static void ask(struct joiner *joiner) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = joiner};
  joiner->state = ASKING;
  if (epoll_ctl(epoll, EPOLL_CTL_MOD, joiner->fd, &event) != 0) fail("epoll_ctl: %s", strerror(errno));
  if (send(joiner->fd, request, request_size, MSG_NOSIGNAL) != (ssize_t)request_size) leave(joiner, &closed);
}

static void enter(struct joiner *joiner) {
  static uint8_t frame[65536 + 8];
  const char *hello = hellos.lines[admitted % hellos.count];
  size_t size = ws_frame(frame, WS_TEXT, hello, strlen(hello));
  joiner->state = ENTERING;
  if (send(joiner->fd, frame, size, MSG_NOSIGNAL) != (ssize_t)size) leave(joiner, &closed);
}

static void answered(struct joiner *joiner) {
  char answer[8192];
  ssize_t size = recv(joiner->fd, answer, sizeof answer, 0);
  if (size < 0 && errno == EAGAIN) return;
  if (size <= 0) leave(joiner, &closed);
  else if (joiner->state == ENTERING) leave(joiner, &admitted);
  else if (size > 12 && memcmp(answer + 9, "101", 3) == 0) enter(joiner);
  else leave(joiner, &refused);
}

static void happened(struct joiner *joiner, uint32_t events) {
  if (joiner->state == FREE) return;
  if (joiner->state != CONNECTING) answered(joiner);
  else if (events & (EPOLLERR | EPOLLHUP)) leave(joiner, &closed);
  else ask(joiner);
}

static void give_up(uint64_t before_ns) {
  for (; oldest < next_joiner; oldest++) {
    struct joiner *joiner = &joiners[oldest % JOINERS_MAX];
    if (joiner->began_ns > before_ns) return;
    if (joiner->state != FREE) leave(joiner, &unanswered);
  }
}

int main(int count, char **values) {
  struct options options = {count, values};
  struct epoll_event events[EVENTS];
  raise_descriptor_limit();
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  server.sin_port = htons((uint16_t)option_number(options, "port", NULL));
  addresses = (int)option_number(options, "addresses", "250");
  request_size = ws_request(request, sizeof request, options);
  hellos = ws_hellos(options);
  double per_second = option_number(options, "joins-per-second", "20000");
  uint64_t patience_ns = (uint64_t)(option_number(options, "patience-ms", "1000") * 1e6);
  epoll = epoll_create1(0);
  uint64_t start_ns = monotonic_ns(), cpu_ns = own_cpu_ns();
  uint64_t end_ns = start_ns + (uint64_t)(option_number(options, "seconds", "10") * 1e9);
  uint64_t now_ns = start_ns;
  for (; now_ns < end_ns; now_ns = monotonic_ns()) {
    double due = (double)(now_ns - start_ns) / 1e9 * per_second;
    for (int burst = 0; burst < 64 && (double)(offered + withheld) < due; burst++) begin(now_ns);
    give_up(now_ns - patience_ns);
    int ready = epoll_wait(epoll, events, EVENTS, (double)(offered + withheld) < due ? 0 : 1);
    for (int i = 0; i < ready; i++) happened(events[i].data.ptr, events[i].events);
  }
  cpu_ns = own_cpu_ns() - cpu_ns;
  give_up(UINT64_MAX);
  double seconds = (double)(now_ns - start_ns) / 1e9;
  printf("{\"seconds\":%.3f,\"offered\":%lu,\"admitted\":%lu,\"refused\":%lu,\"closed\":%lu,\"unanswered\":%lu,"
         "\"withheld\":%lu,\"cpuPercent\":%.1f}\n",
         seconds, offered, admitted, refused, closed, unanswered, withheld,
         (double)cpu_ns * 100 / (double)(now_ns - start_ns));
  return 0;
}
