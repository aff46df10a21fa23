/*
 * N viewers, on one epoll in each of one or more processes (a process may open only so many descriptors): joins at
 * a given rate, a warm-up, a measuring window, one JSON line on stdout. `measuring` and `measured` on stderr mark the
 * window, so that the harness samples the server's CPU over exactly the same time. The protocol is the program's
 * own (HTTP-FLV, RTMP).
 */
#ifndef BENCH_VIEWERS_H
#define BENCH_VIEWERS_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif

#include "loopback.h"
#include "receiver.h"

#define VIEWER_READ_BYTES (256 * 1024)
#define VIEWER_EVENTS 256
#define CROWDS_MAX 16

enum viewer_state { VIEWER_CONNECTING, VIEWER_TLS, VIEWER_OPEN, VIEWER_CLOSED };

struct viewer {
  int fd;
  enum viewer_state state;
  uint64_t bytes;
#ifdef WITH_TLS
  SSL *tls;
#endif
  struct receiver receiver;
  void *protocol_state;
};

/* What flv-view and rtmp-view differ in. `data` answers false to give the connection up. */
struct viewer_protocol {
  size_t state_size;
  bool (*opened)(struct viewer *viewer);
  bool (*data)(struct viewer *viewer, const uint8_t *bytes, size_t count, uint64_t now_ns);
};

struct crowd {
  const struct viewer_protocol *protocol;
  struct sockaddr_in address;
  struct viewer *viewers;
  int count, started, epoll, segment_bytes, sampled, addresses;
  double joins_per_second, warm_up_seconds, measure_seconds;
  uint64_t failed, closed, cpu_ns, window_ns;
  struct report report;
#ifdef WITH_TLS
  SSL_CTX *tls;
#endif
};

/* Memory that the processes share: how many have begun and ended to measure, and what each has found. */
struct board {
  int processes, joined, measuring, measured;
  struct crowd crowds[CROWDS_MAX];
};

static uint8_t viewer_buffer[VIEWER_READ_BYTES];

/* --- transport --- */

/* Requests are far smaller than an empty socket buffer, so a short write means a broken connection. */
static inline bool viewer_send(struct viewer *viewer, const void *bytes, size_t count) {
#ifdef WITH_TLS
  if (viewer->tls != NULL) return SSL_write(viewer->tls, bytes, (int)count) == (int)count;
#endif
  return send(viewer->fd, bytes, count, MSG_NOSIGNAL) == (ssize_t)count;
}

/* Bytes read, 0 when there are none for now, -1 when the connection is over. */
static inline ssize_t viewer_receive(struct viewer *viewer) {
#ifdef WITH_TLS
  if (viewer->tls != NULL) {
    int count = SSL_read(viewer->tls, viewer_buffer, sizeof viewer_buffer);
    if (count > 0) return count;
    int reason = SSL_get_error(viewer->tls, count);
    ERR_clear_error();
    return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE ? 0 : -1;
  }
#endif
  ssize_t count = recv(viewer->fd, viewer_buffer, sizeof viewer_buffer, 0);
  if (count > 0) return count;
  return count < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static inline void viewer_close(struct crowd *crowd, struct viewer *viewer) {
  if (viewer->state == VIEWER_OPEN) crowd->closed++;
  else crowd->failed++;
  viewer->state = VIEWER_CLOSED;
#ifdef WITH_TLS
  if (viewer->tls != NULL) SSL_free(viewer->tls);
  viewer->tls = NULL;
#endif
  close(viewer->fd);
}

static inline void viewer_watch(struct crowd *crowd, struct viewer *viewer, uint32_t events, int operation) {
  struct epoll_event event = {.events = events, .data.ptr = viewer};
  if (epoll_ctl(crowd->epoll, operation, viewer->fd, &event) != 0) fail("epoll_ctl: %s", strerror(errno));
}

/* --- life of a viewer --- */

static inline void viewer_start(struct crowd *crowd, struct viewer *viewer) {
  viewer->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (viewer->fd < 0) fail("socket: %s", strerror(errno));
  if (crowd->segment_bytes > 0) {
    setsockopt(viewer->fd, IPPROTO_TCP, TCP_MAXSEG, &crowd->segment_bytes, sizeof crowd->segment_bytes);
  }
  uint32_t nth = (uint32_t)(viewer - crowd->viewers);
  if (crowd->addresses > 1) loopback_bind(viewer->fd, nth % (uint32_t)crowd->addresses);
  viewer->receiver.report = &crowd->report;
  viewer->receiver.sampled = viewer - crowd->viewers < crowd->sampled;
  viewer->receiver.connect_ns = monotonic_ns();
  viewer->protocol_state = calloc(1, crowd->protocol->state_size);
  if (connect(viewer->fd, (struct sockaddr *)&crowd->address, sizeof crowd->address) != 0 && errno != EINPROGRESS) {
    viewer_close(crowd, viewer);
    return;
  }
  viewer_watch(crowd, viewer, EPOLLOUT, EPOLL_CTL_ADD);
}

static inline void viewer_opened(struct crowd *crowd, struct viewer *viewer) {
  viewer->state = VIEWER_OPEN;
  viewer_watch(crowd, viewer, EPOLLIN, EPOLL_CTL_MOD);
  if (!crowd->protocol->opened(viewer)) viewer_close(crowd, viewer);
}

#ifdef WITH_TLS
static inline void viewer_handshake(struct crowd *crowd, struct viewer *viewer) {
  if (viewer->tls == NULL) {
    viewer->tls = SSL_new(crowd->tls);
    SSL_set_fd(viewer->tls, viewer->fd);
    viewer->state = VIEWER_TLS;
  }
  int done = SSL_connect(viewer->tls);
  if (done == 1) {
    viewer_opened(crowd, viewer);
    return;
  }
  int reason = SSL_get_error(viewer->tls, done);
  ERR_clear_error();
  if (reason == SSL_ERROR_WANT_READ) viewer_watch(crowd, viewer, EPOLLIN, EPOLL_CTL_MOD);
  else if (reason == SSL_ERROR_WANT_WRITE) viewer_watch(crowd, viewer, EPOLLOUT, EPOLL_CTL_MOD);
  else viewer_close(crowd, viewer);
}
#endif

static inline void viewer_connected(struct crowd *crowd, struct viewer *viewer) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(viewer->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    viewer_close(crowd, viewer);
    return;
  }
#ifdef WITH_TLS
  if (crowd->tls != NULL) {
    viewer_handshake(crowd, viewer);
    return;
  }
#endif
  viewer_opened(crowd, viewer);
}

/* A full buffer may hide more behind it, and TLS hands out one record a call: read until there is none. */
static inline void viewer_readable(struct crowd *crowd, struct viewer *viewer) {
  for (;;) {
    ssize_t count = viewer_receive(viewer);
    if (count == 0) return;
    if (count > 0) {
      viewer->bytes += (uint64_t)count;
      if (crowd->report.measuring) crowd->report.bytes += (uint64_t)count;
    }
    if (count < 0 || !crowd->protocol->data(viewer, viewer_buffer, (size_t)count, monotonic_ns())) {
      viewer_close(crowd, viewer);
      return;
    }
#ifdef WITH_TLS
    if (viewer->tls != NULL) continue;
#endif
    if (count < VIEWER_READ_BYTES) return;
  }
}

static inline void viewer_event(struct crowd *crowd, struct viewer *viewer) {
  if (viewer->state == VIEWER_CONNECTING) viewer_connected(crowd, viewer);
  else if (viewer->state == VIEWER_OPEN) viewer_readable(crowd, viewer);
#ifdef WITH_TLS
  else if (viewer->state == VIEWER_TLS) viewer_handshake(crowd, viewer);
#endif
}

/* --- the run --- */

static inline void crowd_print(const struct crowd *crowd) {
  const struct report *report = &crowd->report;
  double seconds = (double)crowd->window_ns / 1e9;
  printf("{\"viewers\":%d,\"joined\":%lu,\"failed\":%lu,\"closed\":%lu,\"seconds\":%.3f,", crowd->count,
         report->joined, crowd->failed, crowd->closed, seconds);
  printf("\"frames\":%lu,\"lost\":%lu,\"duplicated\":%lu,\"unstamped\":%lu,", report->frames, report->lost,
         report->duplicated, report->unstamped);
  printf("\"latencyMsP50\":%.3f,\"latencyMsP99\":%.3f,\"latencyMsMax\":%.3f,",
         histogram_quantile_ms(&report->latency, 0.5), histogram_quantile_ms(&report->latency, 0.99),
         (double)report->latency.max / 1000);
  printf("\"audioMsP99\":%.3f,", histogram_quantile_ms(&report->audio_latency, 0.99));
  printf("\"joinMsP50\":%.3f,\"joinMsP99\":%.3f,\"joinMsMax\":%.3f,", histogram_quantile_ms(&report->join, 0.5),
         histogram_quantile_ms(&report->join, 0.99), (double)report->join.max / 1000);
  printf("\"bytesPerViewerPerSecond\":%.0f,", (double)report->bytes / crowd->count / seconds);
  printf("\"hashReceivers\":%d,\"hashChecked\":%lu,\"hashDifferent\":%lu,", crowd->sampled, report->tags_checked,
         report->tags_different);
  printf("\"cpuPercent\":%.1f}\n", (double)crowd->cpu_ns * 100 / (double)crowd->window_ns);
}

static inline void crowd_poll(struct crowd *crowd) {
  struct epoll_event events[VIEWER_EVENTS];
  int count = epoll_wait(crowd->epoll, events, VIEWER_EVENTS, crowd->started < crowd->count ? 1 : 20);
  for (int i = 0; i < count; i++) viewer_event(crowd, events[i].data.ptr);
}

static inline void crowd_join(struct crowd *crowd, uint64_t start_ns) {
  double due = (double)(monotonic_ns() - start_ns) / 1e9 * crowd->joins_per_second + 1;
  while (crowd->started < crowd->count && crowd->started < due) viewer_start(crowd, &crowd->viewers[crowd->started++]);
}

/* The last process to come says it. */
static inline void board_mark(struct board *board, int *count, const char *line) {
  if (__atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST) == board->processes) fputs(line, stderr);
}

/* The window is the time in which all processes measure, but for a moment. */
static inline void crowd_mark(struct crowd *crowd, struct board *board, bool measuring) {
  crowd->report.measuring = measuring;
  crowd->cpu_ns = own_cpu_ns() - crowd->cpu_ns;
  crowd->window_ns = monotonic_ns() - crowd->window_ns;
  if (measuring) board_mark(board, &board->measuring, "measuring\n");
  else board_mark(board, &board->measured, "measured\n");
}

static inline void crowd_run(struct crowd *crowd, struct board *board) {
  uint64_t start_ns = monotonic_ns();
  while (crowd->started < crowd->count) {
    crowd_join(crowd, start_ns);
    crowd_poll(crowd);
  }
  board_mark(board, &board->joined, "joined\n");
  uint64_t measure_ns = monotonic_ns() + (uint64_t)(crowd->warm_up_seconds * 1e9);
  while (monotonic_ns() < measure_ns) crowd_poll(crowd);
  crowd_mark(crowd, board, true);
  uint64_t end_ns = monotonic_ns() + (uint64_t)(crowd->measure_seconds * 1e9);
  while (monotonic_ns() < end_ns) crowd_poll(crowd);
  crowd_mark(crowd, board, false);
}

static inline void crowd_add(struct crowd *sum, const struct crowd *part) {
  struct report *to = &sum->report;
  const struct report *from = &part->report;
  sum->count += part->count;
  sum->sampled += part->sampled;
  sum->failed += part->failed;
  sum->closed += part->closed;
  sum->cpu_ns += part->cpu_ns;
  if (part->window_ns > sum->window_ns) sum->window_ns = part->window_ns;
  histogram_merge(&to->latency, &from->latency);
  histogram_merge(&to->audio_latency, &from->audio_latency);
  histogram_merge(&to->join, &from->join);
  to->joined += from->joined;
  to->frames += from->frames;
  to->lost += from->lost;
  to->duplicated += from->duplicated;
  to->unstamped += from->unstamped;
  to->bytes += from->bytes;
  to->tags_checked += from->tags_checked;
  to->tags_different += from->tags_different;
}

static inline void crowd_tls(struct crowd *crowd, bool wanted) {
#ifdef WITH_TLS
  if (!wanted) return;
  crowd->tls = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_mode(crowd->tls, SSL_MODE_RELEASE_BUFFERS);
#else
  (void)crowd;
  if (wanted) fail("built without OpenSSL: install libssl-dev for --tls");
#endif
}

static inline void crowd_sample(struct crowd *crowd, struct options options) {
  crowd->sampled = (int)option_number(options, "hash-sample", "0");
  if (crowd->sampled == 0) return;
  struct flv_file file;
  flv_file_open(&file, option_text(options, "source", NULL));
  report_expect(&crowd->report, &file);
}

static inline int crowd_share(int total, int index, int processes) {
  return total / processes + (index < total % processes);
}

/* One of the processes: its share of the viewers and of those that are sampled. */
static inline void crowd_process(struct crowd *crowd, struct board *board, int index) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  crowd->count = crowd_share(crowd->count, index, board->processes);
  crowd->sampled = crowd_share(crowd->sampled, index, board->processes);
  crowd->joins_per_second /= board->processes;
  crowd->viewers = calloc((size_t)crowd->count, sizeof *crowd->viewers);
  crowd->epoll = epoll_create1(0);
  crowd_run(crowd, board);
  board->crowds[index] = *crowd;
  fflush(stderr);
  _exit(0);
}

static inline void crowd_fork(struct crowd *crowd, int processes) {
  static struct crowd sum;
  struct board *board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (board == MAP_FAILED) fail("mmap: %s", strerror(errno));
  board->processes = processes;
  for (int index = 0; index < processes; index++) {
    pid_t child = fork();
    if (child < 0) fail("fork: %s", strerror(errno));
    if (child == 0) crowd_process(crowd, board, index);
  }
  for (int index = 0; index < processes; index++) {
    int status;
    if (wait(&status) < 0 || status != 0) fail("a process of viewers failed");
  }
  for (int index = 0; index < processes; index++) crowd_add(&sum, &board->crowds[index]);
  crowd_print(&sum);
}

/*
 * Options: --host --port --viewers --processes --joins-per-second --warm-up --seconds, --tls, --segment-bytes
 * (TCP_MAXSEG, so that loopback cuts segments as Ethernet does), --hash-sample K with --source FLV, --addresses N
 * (of loopback, that viewers come from; 1 leaves it to the kernel).
 */
static inline int crowd_main(struct options options, const struct viewer_protocol *protocol) {
  static struct crowd crowd;
  signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  int processes = (int)option_number(options, "processes", "1");
  if (processes < 1 || processes > CROWDS_MAX) fail("--processes takes 1 to %d", CROWDS_MAX);
  crowd.protocol = protocol;
  crowd.count = (int)option_number(options, "viewers", "1000");
  crowd.joins_per_second = option_number(options, "joins-per-second", "500");
  crowd.warm_up_seconds = option_number(options, "warm-up", "10");
  crowd.measure_seconds = option_number(options, "seconds", "30");
  crowd.addresses = (int)option_number(options, "addresses", "1");
  crowd.segment_bytes = (int)option_number(options, "segment-bytes", "0");
  crowd.address.sin_family = AF_INET;
  crowd.address.sin_port = htons((uint16_t)option_number(options, "port", NULL));
  if (inet_pton(AF_INET, option_text(options, "host", "127.0.0.1"), &crowd.address.sin_addr) != 1) fail("bad --host");
  crowd_tls(&crowd, option_flag(options, "tls"));
  crowd_sample(&crowd, options);
  crowd_fork(&crowd, processes);
  return 0;
}

#endif
