/*
 * A storm of joins: so many connections a second ask for a WebSocket, whatever becomes of those before. Who is let in
 * says a line of --hellos and leaves when he is answered; who gets no answer within the patience goes without. Options:
 * --port, --path, --protocol, --hellos FILE, --joins-per-second, --seconds, --addresses N (of loopback, in turn),
 * --patience-ms. Prints what came of them.
 */
#include "options.h"
#include "stamp.h"
#include "ws.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define JOINERS_MAX 16384
#define EVENTS 256

enum state { FREE, CONNECTING, ASKING, ENTERING };

struct joiner {
  int fd;
  enum state state;
  uint64_t began_ns;
};

static struct joiner joiners[JOINERS_MAX];
/* Those that are free, and those that were begun, in their order: a ring of places. */
static int free_places[JOINERS_MAX], free_count;
static struct {
  int place;
  uint64_t began_ns;
} begun[JOINERS_MAX * 2];
static uint64_t begun_first, begun_next;

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
  free_places[free_count++] = (int)(joiner - joiners);
  ++*outcome;
}

static void begin(uint64_t now_ns) {
  struct sockaddr_in own = {.sin_family = AF_INET};
  int on = 1;
  if (free_count == 0 || begun_next - begun_first >= JOINERS_MAX * 2) {
    withheld++;
    return;
  }
  struct joiner *joiner = &joiners[free_places[--free_count]];
  joiner->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (joiner->fd < 0) fail("socket: %s", strerror(errno));
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(offered % (uint64_t)addresses));
  setsockopt(joiner->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(joiner->fd, (struct sockaddr *)&own, sizeof own) != 0) fail("bind: %s", strerror(errno));
  offered++;
  joiner->state = CONNECTING;
  joiner->began_ns = now_ns;
  if (connect(joiner->fd, (struct sockaddr *)&server, sizeof server) != 0 && errno != EINPROGRESS) {
    leave(joiner, &closed);
    return;
  }
  struct epoll_event event = {.events = EPOLLOUT, .data.ptr = joiner};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, joiner->fd, &event) != 0) fail("epoll_ctl: %s", strerror(errno));
  begun[begun_next++ % (JOINERS_MAX * 2)].place = (int)(joiner - joiners);
  begun[(begun_next - 1) % (JOINERS_MAX * 2)].began_ns = now_ns;
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
  for (; begun_first < begun_next; begun_first++) {
    int place = begun[begun_first % (JOINERS_MAX * 2)].place;
    uint64_t began_ns = begun[begun_first % (JOINERS_MAX * 2)].began_ns;
    if (began_ns > before_ns) return;
    if (joiners[place].state != FREE && joiners[place].began_ns == began_ns) leave(&joiners[place], &unanswered);
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
  for (int place = 0; place < JOINERS_MAX; place++) free_places[free_count++] = place;
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
