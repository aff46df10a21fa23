/*
 * Publishes an FLV file over RTMP in real time, in an endless loop whose timestamps go on, as a hardware or OBS
 * encoder would: simple handshake, chunks of 65,536 bytes, TCP_NODELAY (librtmp sets it too). Every frame
 * carries a stamp (stamp.h). "publishing" on stderr says that the server accepted; a JSON line closes the run.
 * Options: --source FLV --host --port --app --stream --seconds (0: until SIGTERM)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rtmp.h"

#define PUBLISH_CHUNK_SIZE 65536
#define PUBLISH_MESSAGE_BYTES_MAX (4 * 1024 * 1024)
#define PUBLISH_ANSWER_MS_MAX 10000

struct publisher {
  int fd;
  uint32_t chunk_size;
  uint32_t stream_id;
  bool connected, created, published;
  struct rtmp_reader reader;
  uint8_t *out;
  const char *app, *stream;
  uint64_t late_ns_max, frames[2];
};

static volatile sig_atomic_t stopping = 0;

static void on_stop(int signal) {
  (void)signal;
  stopping = 1;
}

/* --- sending --- */

static void send_bytes(struct publisher *publisher, const uint8_t *bytes, size_t count) {
  while (count > 0) {
    ssize_t sent = send(publisher->fd, bytes, count, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) fail("the server closed the publisher: %s", strerror(errno));
    bytes += sent;
    count -= (size_t)sent;
  }
}

static void send_message(struct publisher *publisher, const struct rtmp_message *message) {
  if (message->size > PUBLISH_MESSAGE_BYTES_MAX) fail("a message of %zu bytes", message->size);
  send_bytes(publisher, publisher->out, rtmp_write(publisher->out, publisher->chunk_size, message));
}

static void send_command(struct publisher *publisher, const struct amf *amf, uint32_t stream_id) {
  struct rtmp_message message = {3, RTMP_COMMAND, stream_id, 0, amf->bytes, amf->size};
  send_message(publisher, &message);
}

/* Commands with the shape name, transaction, null, text (left out when NULL). */
static void send_named(struct publisher *publisher, const char *name, double transaction, const char *text) {
  struct amf amf = {.size = 0};
  amf_string(&amf, name);
  amf_number(&amf, transaction);
  amf_null(&amf);
  if (text != NULL) amf_string(&amf, text);
  send_command(publisher, &amf, 0);
}

static void send_connect(struct publisher *publisher, const char *tc_url) {
  uint8_t size[4];
  struct amf amf = {.size = 0};
  write_u32(size, PUBLISH_CHUNK_SIZE);
  struct rtmp_message message = {2, RTMP_SET_CHUNK_SIZE, 0, 0, size, sizeof size};
  send_message(publisher, &message);
  publisher->chunk_size = PUBLISH_CHUNK_SIZE;
  amf_connect(&amf, publisher->app, tc_url);
  send_command(publisher, &amf, 0);
}

static void send_publish(struct publisher *publisher) {
  struct amf amf = {.size = 0};
  amf_string(&amf, "publish");
  amf_number(&amf, 5);
  amf_null(&amf);
  amf_string(&amf, publisher->stream);
  amf_string(&amf, "live");
  send_command(publisher, &amf, publisher->stream_id);
}

static void send_metadata(struct publisher *publisher, const struct flv_tag *script) {
  static const char prefix[] = "\x02\x00\x0d@setDataFrame";
  if (script->size == 0) return;
  size_t size = sizeof prefix - 1 + script->size;
  uint8_t *body = malloc(size);
  memcpy(body, prefix, sizeof prefix - 1);
  memcpy(body + sizeof prefix - 1, script->payload, script->size);
  struct rtmp_message message = {4, RTMP_DATA, publisher->stream_id, 0, body, size};
  send_message(publisher, &message);
  free(body);
}

static void send_tag(struct publisher *publisher, const struct flv_tag *tag, uint32_t timestamp) {
  uint8_t chunk_stream = tag->type == FLV_VIDEO ? 6 : 4;
  struct rtmp_message message = {chunk_stream, tag->type, publisher->stream_id, timestamp, tag->payload, tag->size};
  send_message(publisher, &message);
}

/* --- answers --- */

static void on_command(struct publisher *publisher, const uint8_t *body, size_t size) {
  struct rtmp_command command;
  if (!rtmp_command_read(body, size, &command)) return;
  bool result = rtmp_command_is(&command, "_result");
  if (rtmp_command_is(&command, "_error") && command.transaction != 2 && command.transaction != 3) fail("_error");
  if (result && command.transaction == 1) publisher->connected = true;
  if (result && command.transaction == 4 && command.rest_size >= 10) {
    publisher->stream_id = (uint32_t)amf_read_number(command.rest + 2);
    publisher->created = true;
  }
  if (!rtmp_command_is(&command, "onStatus")) return;
  if (memmem(command.rest, command.rest_size, "NetStream.Publish.Start", 23) != NULL) publisher->published = true;
  else if (memmem(command.rest, command.rest_size, "error", 5) != NULL) fail("the server refused to publish");
}

static void on_control(void *context, uint8_t type, const uint8_t *body, size_t size) {
  struct publisher *publisher = context;
  if (type == RTMP_COMMAND) on_command(publisher, body, size);
  if (type != RTMP_USER_CONTROL || size < 6 || body[1] != 6) return;
  uint8_t pong[6] = {0, 7};
  memcpy(pong + 2, body + 2, 4);
  struct rtmp_message message = {2, RTMP_USER_CONTROL, 0, 0, pong, sizeof pong};
  send_message(publisher, &message);
}

static void on_media_begin(void *context, uint8_t type, uint32_t size) { (void)context, (void)type, (void)size; }

static void on_media_piece(void *context, uint8_t type, const uint8_t *bytes, size_t count) {
  (void)context, (void)type, (void)bytes, (void)count;
}

static void receive(struct publisher *publisher, int flags) {
  uint8_t bytes[4096];
  struct rtmp_sink sink = {on_media_begin, on_media_piece, on_control, publisher};
  ssize_t count = recv(publisher->fd, bytes, sizeof bytes, flags);
  if (count == 0) fail("the server closed the publisher");
  if (count > 0 && !rtmp_read(&publisher->reader, &sink, bytes, (size_t)count)) fail("not RTMP");
}

/* Reads answers until the flag is set or the time is up. */
static void await_answer(struct publisher *publisher, const bool *flag, const char *what) {
  uint64_t end_ns = monotonic_ns() + PUBLISH_ANSWER_MS_MAX * 1000000ull;
  while (!*flag) {
    struct pollfd ready = {publisher->fd, POLLIN, 0};
    if (monotonic_ns() > end_ns) fail("no answer to %s in %d ms", what, PUBLISH_ANSWER_MS_MAX);
    if (poll(&ready, 1, 100) > 0) receive(publisher, MSG_DONTWAIT);
  }
}

/* --- the session --- */

static void dial(struct publisher *publisher, struct options options) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_port = htons((uint16_t)option_number(options, "port", NULL));
  if (inet_pton(AF_INET, option_text(options, "host", "127.0.0.1"), &address.sin_addr) != 1) fail("bad --host");
  int on = 1;
  publisher->fd = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(publisher->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(publisher->fd, (struct sockaddr *)&address, sizeof address) != 0) fail("connect: %s", strerror(errno));
}

static void shake_hands(struct publisher *publisher) {
  uint8_t hello[1 + RTMP_HANDSHAKE_BYTES] = {3}, answer[1 + 2 * RTMP_HANDSHAKE_BYTES];
  for (int i = 9; i < (int)sizeof hello; i++) hello[i] = (uint8_t)(i * 7);
  send_bytes(publisher, hello, sizeof hello);
  for (size_t used = 0; used < sizeof answer;) {
    ssize_t count = recv(publisher->fd, answer + used, sizeof answer - used, 0);
    if (count <= 0) fail("the server closed during the handshake");
    used += (size_t)count;
  }
  send_bytes(publisher, answer + 1, RTMP_HANDSHAKE_BYTES);
}

static void open_session(struct publisher *publisher, struct options options) {
  char tc_url[512];
  snprintf(tc_url, sizeof tc_url, "rtmp://%s:%s/%s", option_text(options, "host", "127.0.0.1"),
           option_text(options, "port", NULL), publisher->app);
  dial(publisher, options);
  shake_hands(publisher);
  send_connect(publisher, tc_url);
  await_answer(publisher, &publisher->connected, "connect");
  send_named(publisher, "releaseStream", 2, publisher->stream);
  send_named(publisher, "FCPublish", 3, publisher->stream);
  send_named(publisher, "createStream", 4, NULL);
  await_answer(publisher, &publisher->created, "createStream");
  send_publish(publisher);
  await_answer(publisher, &publisher->published, "publish");
  fputs("publishing\n", stderr);
}

static void sleep_until(uint64_t due_ns) {
  struct timespec due = {(time_t)(due_ns / 1000000000ull), (long)(due_ns % 1000000000ull)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR && !stopping) {
  }
}

static void stream_file(struct publisher *publisher, struct flv_file *file, double seconds) {
  struct flv_schedule schedule = {.file = file, .start_ns = monotonic_ns()};
  uint64_t end_ns = seconds > 0 ? schedule.start_ns + (uint64_t)(seconds * 1e9) : UINT64_MAX;
  send_metadata(publisher, &file->script);
  send_tag(publisher, &file->video_header, 0);
  send_tag(publisher, &file->audio_header, 0);
  while (!stopping && schedule_due_ns(&schedule) < end_ns) {
    sleep_until(schedule_due_ns(&schedule));
    uint64_t late_ns = monotonic_ns() - schedule_due_ns(&schedule);
    if (!stopping && late_ns > publisher->late_ns_max) publisher->late_ns_max = late_ns;
    schedule_stamp(&schedule);
    send_tag(publisher, schedule_tag(&schedule), (uint32_t)schedule_timestamp_ms(&schedule));
    publisher->frames[schedule_tag(&schedule)->type == FLV_VIDEO]++;
    schedule_advance(&schedule);
    receive(publisher, MSG_DONTWAIT);
  }
}

static void close_session(struct publisher *publisher) {
  struct amf amf = {.size = 0};
  send_named(publisher, "FCUnpublish", 6, publisher->stream);
  amf_string(&amf, "deleteStream");
  amf_number(&amf, 7);
  amf_null(&amf);
  amf_number(&amf, publisher->stream_id);
  send_command(publisher, &amf, 0);
  shutdown(publisher->fd, SHUT_WR);
  close(publisher->fd);
}

int main(int count, char **values) {
  struct options options = {count, values};
  static struct publisher publisher = {.chunk_size = RTMP_CHUNK_SIZE_DEFAULT};
  struct sigaction action = {.sa_handler = on_stop};
  struct flv_file file;
  flv_file_open(&file, option_text(options, "source", NULL));
  publisher.app = option_text(options, "app", "live");
  publisher.stream = option_text(options, "stream", NULL);
  publisher.out = malloc(PUBLISH_MESSAGE_BYTES_MAX + PUBLISH_MESSAGE_BYTES_MAX / RTMP_CHUNK_SIZE_DEFAULT * 16 + 64);
  rtmp_reader_open(&publisher.reader);
  open_session(&publisher, options);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  uint64_t start_ns = monotonic_ns(), cpu_ns = own_cpu_ns();
  stream_file(&publisher, &file, option_number(options, "seconds", "0"));
  double elapsed_ns = (double)(monotonic_ns() - start_ns);
  close_session(&publisher);
  printf("{\"videoFrames\":%lu,\"audioFrames\":%lu,\"lateMsMax\":%.3f,\"cpuPercent\":%.1f}\n", publisher.frames[1],
         publisher.frames[0], (double)publisher.late_ns_max / 1e6, (double)(own_cpu_ns() - cpu_ns) * 100 / elapsed_ns);
  return 0;
}
