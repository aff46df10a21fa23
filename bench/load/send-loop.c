/*
 * The physical limit: a bare server that writes ONE shared buffer of all tags of a tick to every viewer, and
 * nothing else: no ingest, no accounts, no logs, no parsing. It follows the same schedule as the publisher and
 * stamps a frame when it is due, so its latency contains the wait for the tick as a real server's does.
 * Options: --source FLV --port --tick-ms (0: each frame at once) --with-video (with tick 0, audio waits for the
 * next video frame and goes out in its write) --nodelay. "listening" on stderr says it is up.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flv-file.h"

#define CLIENTS_MAX 65536
#define REQUEST_BYTES_MAX 4096
#define BACKLOG_BYTES_MAX (16 * 1024 * 1024)
#define EVENTS 256

struct buffer {
  uint8_t *bytes;
  size_t size, room;
};

/* `slot` is the client's place in the list of playing ones, -1 before its request is complete. */
struct client {
  int fd, slot;
  uint32_t request_tail;
  size_t request_size;
  struct buffer backlog;
  size_t backlog_sent;
};

static const char response[] =
    "HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n";

static struct client *playing[CLIENTS_MAX];
static int playing_count, epoll, listener;
static bool nodelay, with_video;
static struct buffer tick, group, opening;

/* --- bytes --- */

static void buffer_add(struct buffer *buffer, const void *bytes, size_t count) {
  if (buffer->size + count > buffer->room) {
    buffer->room = (buffer->size + count) * 2;
    buffer->bytes = realloc(buffer->bytes, buffer->room);
    if (buffer->bytes == NULL) fail("out of memory");
  }
  memcpy(buffer->bytes + buffer->size, bytes, count);
  buffer->size += count;
}

static void buffer_add_tag(struct buffer *buffer, const struct flv_tag *tag, uint32_t timestamp) {
  uint8_t head[11] = {tag->type}, size[4];
  if (tag->size == 0) return;
  write_u24(head + 1, tag->size);
  write_u24(head + 4, timestamp & 0xffffff);
  head[7] = (uint8_t)(timestamp >> 24);
  write_u32(size, tag->size + 11);
  buffer_add(buffer, head, sizeof head);
  buffer_add(buffer, tag->payload, tag->size);
  buffer_add(buffer, size, sizeof size);
}

/* What every viewer gets first: the response head, the FLV head, metadata and codec headers. */
static void prepare_opening(const struct flv_file *file) {
  buffer_add(&opening, response, sizeof response - 1);
  buffer_add(&opening, "FLV\x01\x05\0\0\0\x09\0\0\0\0", 13);
  buffer_add_tag(&opening, &file->script, 0);
  buffer_add_tag(&opening, &file->video_header, 0);
  buffer_add_tag(&opening, &file->audio_header, 0);
}

/* --- clients --- */

static void watch(struct client *client, uint32_t events, int operation) {
  struct epoll_event event = {.events = events, .data.ptr = client};
  if (epoll_ctl(epoll, operation, client->fd, &event) != 0) fail("epoll_ctl: %s", strerror(errno));
}

static void drop(struct client *client) {
  if (client->slot >= 0) {
    playing[client->slot] = playing[--playing_count];
    playing[client->slot]->slot = client->slot;
  }
  close(client->fd);
  free(client->backlog.bytes);
  free(client);
}

/* Writes what the socket takes; the rest waits for EPOLLOUT. False when the client is gone. */
static bool client_send(struct client *client, const uint8_t *bytes, size_t count) {
  ssize_t sent = 0;
  if (client->backlog.size == 0) {
    sent = send(client->fd, bytes, count, MSG_NOSIGNAL);
    if (sent == (ssize_t)count) return true;
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent < 0) sent = 0;
    watch(client, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
  }
  if (client->backlog.size - client->backlog_sent + count > BACKLOG_BYTES_MAX) return false;
  buffer_add(&client->backlog, bytes + sent, count - (size_t)sent);
  return true;
}

static bool client_flush(struct client *client) {
  struct buffer *backlog = &client->backlog;
  size_t left = backlog->size - client->backlog_sent;
  ssize_t sent = send(client->fd, backlog->bytes + client->backlog_sent, left, MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN;
  client->backlog_sent += (size_t)sent;
  if (client->backlog_sent < backlog->size) return true;
  free(backlog->bytes);
  *backlog = (struct buffer){0};
  client->backlog_sent = 0;
  watch(client, EPOLLIN, EPOLL_CTL_MOD);
  return true;
}

/* The group of pictures so far ends where the pending tick begins, so a joiner has no gap and no overlap. */
static bool client_play(struct client *client) {
  if (playing_count == CLIENTS_MAX) return false;
  client->slot = playing_count;
  playing[playing_count++] = client;
  return client_send(client, opening.bytes, opening.size) && client_send(client, group.bytes, group.size);
}

/* Any request is taken; only its end matters (the last four bytes seen, kept over reads). */
static bool client_readable(struct client *client) {
  uint8_t bytes[1024];
  ssize_t count = recv(client->fd, bytes, sizeof bytes, 0);
  if (count <= 0) return count < 0 && errno == EAGAIN;
  client->request_size += (size_t)count;
  if (client->slot >= 0 || client->request_size > REQUEST_BYTES_MAX) return client->slot >= 0;
  for (ssize_t i = 0; i < count; i++) {
    client->request_tail = client->request_tail << 8 | bytes[i];
    if (client->request_tail == 0x0d0a0d0a) return client_play(client);
  }
  return true;
}

static void client_event(struct client *client, uint32_t events) {
  bool kept = true;
  if (events & EPOLLOUT) kept = client_flush(client);
  if (kept && events & (EPOLLIN | EPOLLHUP | EPOLLERR)) kept = client_readable(client);
  if (!kept) drop(client);
}

static void accept_clients(void) {
  for (;;) {
    int on = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) return;
    if (nodelay) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct client *client = calloc(1, sizeof *client);
    client->fd = fd;
    client->slot = -1;
    watch(client, EPOLLIN, EPOLL_CTL_ADD);
  }
}

/* --- ticks --- */

/* From the back, because a drop puts the last client into the freed place. */
static void flush_tick(void) {
  for (int i = playing_count - 1; i >= 0; i--) {
    if (!client_send(playing[i], tick.bytes, tick.size)) drop(playing[i]);
  }
  buffer_add(&group, tick.bytes, tick.size);
  tick.size = 0;
}

/*
 * A key frame starts a new group; what the tick held before it still goes out, but not to joiners. Answers
 * whether a per-frame schedule is to write now.
 */
static bool add_due_tag(struct flv_schedule *schedule) {
  struct flv_tag *tag = schedule_tag(schedule);
  if (tag->key) {
    if (tick.size > 0) flush_tick();
    group.size = 0;
  }
  schedule_stamp(schedule);
  buffer_add_tag(&tick, tag, (uint32_t)schedule_timestamp_ms(schedule));
  schedule_advance(schedule);
  return tag->type == FLV_VIDEO || !with_video;
}

/* Answers when the loop has to wake next: the next frame, or the tick if that is earlier. */
static uint64_t run_schedule(struct flv_schedule *schedule, uint64_t tick_ns, uint64_t *tick_due_ns) {
  uint64_t now_ns = monotonic_ns();
  while (schedule_due_ns(schedule) <= now_ns) {
    if (add_due_tag(schedule) && tick_ns == 0) flush_tick();
  }
  if (tick_ns == 0) return schedule_due_ns(schedule);
  if (now_ns >= *tick_due_ns) {
    if (tick.size > 0) flush_tick();
    while (*tick_due_ns <= now_ns) *tick_due_ns += tick_ns;
  }
  return schedule_due_ns(schedule) < *tick_due_ns ? schedule_due_ns(schedule) : *tick_due_ns;
}

static void poll_until(uint64_t wake_ns) {
  struct epoll_event events[EVENTS];
  uint64_t now_ns = monotonic_ns(), wait_ns = wake_ns > now_ns ? wake_ns - now_ns : 0;
  struct timespec wait = {(time_t)(wait_ns / 1000000000ull), (long)(wait_ns % 1000000000ull)};
  int count = epoll_pwait2(epoll, events, EVENTS, &wait, NULL);
  for (int i = 0; i < count; i++) {
    if (events[i].data.ptr == NULL) accept_clients();
    else client_event(events[i].data.ptr, events[i].events);
  }
}

static void listen_on(uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  int on = 1;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0) fail("bind: %s", strerror(errno));
  if (listen(listener, 4096) != 0) fail("listen: %s", strerror(errno));
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
}

int main(int count, char **values) {
  struct options options = {count, values};
  struct flv_file file;
  signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  flv_file_open(&file, option_text(options, "source", NULL));
  uint64_t tick_ns = (uint64_t)(option_number(options, "tick-ms", "0") * 1e6);
  with_video = option_flag(options, "with-video");
  nodelay = option_flag(options, "nodelay");
  epoll = epoll_create1(0);
  prepare_opening(&file);
  listen_on((uint16_t)option_number(options, "port", NULL));
  fputs("listening\n", stderr);
  struct flv_schedule schedule = {.file = &file, .start_ns = monotonic_ns()};
  uint64_t tick_due_ns = schedule.start_ns + tick_ns;
  for (;;) poll_until(run_schedule(&schedule, tick_ns, &tick_due_ns));
}
