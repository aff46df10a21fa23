/*
 * N viewers of a room over WebSocket; see viewers.h for the options they share, and ws.h. A "frame" of the report is
 * one stamped message received by one viewer, however many came in one WebSocket frame. Every viewer checks the
 * sequence of each sender. Own options: --hellos FILE (a line for each connection to say first), --socket-io (answers
 * the packets of Engine.IO 4). Compressed messages are read with zlib; since a server may send the same bytes to
 * all, each is inflated once.
 */
#include "viewers.h"
#include "ws.h"

#include <zlib.h>

#define PLAIN_BYTES_MAX (4 * 1024 * 1024)
#define INFLATED_SLOTS 64

struct ws_viewer {
  struct ws_reader reader;
  uint32_t next[SIGNAL_SENDERS_MAX];
};

struct inflated {
  uint8_t *deflated, *plain;
  size_t deflated_size, plain_size;
};

static char request[2048];
static size_t request_size;
static struct ws_hellos hellos;
static bool socket_io;
static struct inflated inflated_slots[INFLATED_SLOTS];

static bool say(struct viewer *viewer, int opcode, const void *payload, size_t size) {
  static uint8_t frame[65536 + 8];
  if (size > 65535) fail("a hello is too long");
  return viewer_send(viewer, frame, ws_frame(frame, opcode, payload, size));
}

/* --- compressed messages --- */

static void inflate_into(struct inflated *slot, struct ws_message message) {
  static uint8_t plain[PLAIN_BYTES_MAX];
  static const uint8_t tail[4] = {0, 0, 0xff, 0xff};
  z_stream stream = {0};
  if (inflateInit2(&stream, -15) != Z_OK) fail("inflateInit2");
  stream.next_out = plain;
  stream.avail_out = sizeof plain;
  stream.next_in = (uint8_t *)message.payload;
  stream.avail_in = (unsigned)message.size;
  inflate(&stream, Z_SYNC_FLUSH);
  stream.next_in = (uint8_t *)tail;
  stream.avail_in = sizeof tail;
  inflate(&stream, Z_SYNC_FLUSH);
  slot->plain_size = stream.total_out;
  inflateEnd(&stream);
  slot->deflated = realloc(slot->deflated, message.size);
  slot->plain = realloc(slot->plain, slot->plain_size + 1);
  slot->deflated_size = message.size;
  memcpy(slot->deflated, message.payload, message.size);
  memcpy(slot->plain, plain, slot->plain_size);
}

static struct ws_message inflated(struct ws_message message) {
  static int oldest;
  struct inflated *slot = NULL;
  for (int i = 0; i < INFLATED_SLOTS && slot == NULL; i++) {
    struct inflated *each = &inflated_slots[i];
    if (each->deflated_size != message.size || message.size == 0) continue;
    if (memcmp(each->deflated, message.payload, message.size) == 0) slot = each;
  }
  if (slot == NULL) {
    slot = &inflated_slots[oldest++ % INFLATED_SLOTS];
    inflate_into(slot, message);
  }
  message.payload = slot->plain;
  message.size = slot->plain_size;
  return message;
}

/* --- messages --- */

static void count_stamp(struct viewer *viewer, struct signal_stamp stamp, uint64_t now_ns) {
  struct report *report = viewer->receiver.report;
  uint32_t *next = &((struct ws_viewer *)viewer->protocol_state)->next[stamp.sender];
  uint32_t sequence = (uint32_t)stamp.sequence + 1; /* 0 stands for a sender that was not heard yet */
  if (*next != 0 && sequence > *next) report->lost += sequence - *next;
  if (*next != 0 && sequence < *next) {
    report->duplicated++;
    return;
  }
  *next = sequence + 1;
  if (!report->measuring) return;
  report->frames++;
  histogram_add(&report->latency, now_ns > stamp.time_ns ? (now_ns - stamp.time_ns) / 1000 : 0);
}

static bool opened(struct viewer *viewer, uint64_t now_ns) {
  static size_t next_hello;
  struct report *report = viewer->receiver.report;
  report->joined++;
  histogram_add(&report->join, (now_ns - viewer->receiver.connect_ns) / 1000);
  if (hellos.count == 0) return true;
  const char *hello = hellos.lines[next_hello++ % hellos.count];
  return say(viewer, WS_TEXT, hello, strlen(hello));
}

/* Packets of Engine.IO: 0 opens, 2 is a ping; Socket.IO's own begin with 4, of which 40 connects. */
static bool answer_socket_io(struct viewer *viewer, struct ws_message message) {
  if (message.size == 0) return true;
  if (message.payload[0] == '0') return say(viewer, WS_TEXT, "40", 2);
  return message.payload[0] != '2' || say(viewer, WS_TEXT, "3", 1);
}

static bool take(void *owner, struct ws_message message, uint64_t now_ns) {
  struct viewer *viewer = owner;
  if (message.payload == NULL) return opened(viewer, now_ns);
  if (message.opcode == WS_PING) return say(viewer, WS_PONG, message.payload, message.size);
  if (message.compressed) message = inflated(message);
  if (socket_io && !answer_socket_io(viewer, message)) return false;
  const uint8_t *at = message.payload, *end = at + message.size;
  for (struct signal_stamp stamp; signal_stamp_next(&at, end, &stamp);) count_stamp(viewer, stamp, now_ns);
  return true;
}

static bool ws_data(struct viewer *viewer, const uint8_t *bytes, size_t count, uint64_t now_ns) {
  struct ws_viewer *state = viewer->protocol_state;
  return ws_read(&state->reader, bytes, count, take, viewer, now_ns);
}

static bool ws_opened(struct viewer *viewer) { return viewer_send(viewer, request, request_size); }

int main(int count, char **values) {
  struct options options = {count, values};
  static const struct viewer_protocol protocol = {sizeof(struct ws_viewer), ws_opened, ws_data};
  request_size = ws_request(request, sizeof request, options);
  hellos = ws_hellos(options);
  socket_io = option_flag(options, "socket-io");
  return crowd_main(options, &protocol);
}
