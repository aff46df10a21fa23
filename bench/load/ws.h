/*
 * WebSocket as load clients need it (RFC 6455): the opening request, masked frames out, whole unmasked frames in.
 * And the stamp of a message: a marker, who sent it, its sequence there and the CLOCK_MONOTONIC time of sending, all
 * of it printable, so that it stands in any text and lives through any framing but compression.
 */
#ifndef BENCH_WS_H
#define BENCH_WS_H

#include "options.h"
#include "stamp.h"

#define WS_HEAD_BYTES_MAX 4096
#define WS_TEXT 1
#define WS_CLOSE 8
#define WS_PING 9
#define WS_PONG 10

#define SIGNAL_MARKER '@'
#define SIGNAL_SENDER_DIGITS 3
#define SIGNAL_SEQUENCE_DIGITS 9
#define SIGNAL_STAMP_BYTES (1 + SIGNAL_SENDER_DIGITS + SIGNAL_SEQUENCE_DIGITS + STAMP_TIME_DIGITS)
#define SIGNAL_SENDERS_MAX 256

struct signal_stamp {
  uint64_t sender, sequence, time_ns;
};

static inline void signal_stamp_write(uint8_t *at, struct signal_stamp stamp) {
  *at++ = SIGNAL_MARKER;
  stamp_put_digits(at, SIGNAL_SENDER_DIGITS, stamp.sender);
  stamp_put_digits(at += SIGNAL_SENDER_DIGITS, SIGNAL_SEQUENCE_DIGITS, stamp.sequence);
  stamp_put_digits(at + SIGNAL_SEQUENCE_DIGITS, STAMP_TIME_DIGITS, stamp.time_ns);
}

/* The next stamp in [*at, end), and where to go on; false when there is none. */
static inline bool signal_stamp_next(const uint8_t **at, const uint8_t *end, struct signal_stamp *stamp) {
  while (*at < end) {
    const uint8_t *found = memchr(*at, SIGNAL_MARKER, (size_t)(end - *at));
    if (found == NULL || end - found < SIGNAL_STAMP_BYTES) return false;
    const uint8_t *digits = found + 1;
    *at = digits;
    if (!stamp_take_digits(digits, SIGNAL_SENDER_DIGITS, &stamp->sender)) continue;
    if (!stamp_take_digits(digits += SIGNAL_SENDER_DIGITS, SIGNAL_SEQUENCE_DIGITS, &stamp->sequence)) continue;
    if (!stamp_take_digits(digits + SIGNAL_SEQUENCE_DIGITS, STAMP_TIME_DIGITS, &stamp->time_ns)) continue;
    if (stamp->sender >= SIGNAL_SENDERS_MAX) continue;
    *at = found + SIGNAL_STAMP_BYTES;
    return true;
  }
  return false;
}

/* --- out --- */

/* Options: --path, --protocol (a subprotocol), --deflate (offers permessage-deflate). */
static inline size_t ws_request(char *request, size_t room, struct options options) {
  const char *protocol = option_text(options, "protocol", "");
  int size = snprintf(request, room,
                      "GET %s HTTP/1.1\r\nHost: localhost:%s\r\nUser-Agent: bench\r\nConnection: Upgrade\r\n"
                      "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s%s%s\r\n",
                      option_text(options, "path", "/"), option_text(options, "port", NULL),
                      *protocol ? "Sec-WebSocket-Protocol: " : "", protocol, *protocol ? "\r\n" : "",
                      option_flag(options, "deflate") ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "");
  if (size <= 0 || (size_t)size >= room) fail("--path is too long");
  return (size_t)size;
}

/* A masked frame of at most 65,535 bytes; answers its size. `frame` has room for 8 bytes more than the payload. */
static inline size_t ws_frame(uint8_t *frame, int opcode, const void *payload, size_t size) {
  static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
  size_t head = 2;
  frame[0] = (uint8_t)(0x80 | opcode);
  frame[1] = (uint8_t)(0x80 | (size < 126 ? size : 126));
  if (size >= 126) {
    frame[head++] = (uint8_t)(size >> 8);
    frame[head++] = (uint8_t)size;
  }
  memcpy(frame + head, mask, 4);
  head += 4;
  for (size_t i = 0; i < size; i++) frame[head + i] = ((const uint8_t *)payload)[i] ^ mask[i % 4];
  return head + size;
}

/* Lines of a file, each what one connection says first; none without a file. */
struct ws_hellos {
  char **lines;
  size_t count;
};

static inline struct ws_hellos ws_hellos(struct options options) {
  struct ws_hellos hellos = {NULL, 0};
  const char *path = option_text(options, "hellos", "");
  if (*path == '\0') return hellos;
  FILE *file = fopen(path, "r");
  if (file == NULL) fail("cannot read %s", path);
  char *line = NULL;
  size_t room = 0;
  for (ssize_t size; (size = getline(&line, &room, file)) > 0;) {
    if (line[size - 1] == '\n') line[size - 1] = '\0';
    hellos.lines = realloc(hellos.lines, (hellos.count + 1) * sizeof *hellos.lines);
    hellos.lines[hellos.count++] = strdup(line);
  }
  fclose(file);
  if (hellos.count == 0) fail("%s has no lines", path);
  return hellos;
}

/* --- in --- */

struct ws_reader {
  bool open;
  /* What came of the head, then of a frame that is not whole. */
  uint8_t *partial;
  size_t partial_size, partial_room;
};

struct ws_message {
  int opcode;
  bool compressed;
  const uint8_t *payload;
  size_t size;
};

/* Takes whole messages; false gives the connection up. */
typedef bool (*ws_take)(void *owner, struct ws_message message, uint64_t now_ns);

static inline void ws_keep(struct ws_reader *reader, const uint8_t *bytes, size_t count) {
  if (reader->partial_size + count > reader->partial_room) {
    reader->partial_room = (reader->partial_size + count) * 2;
    reader->partial = realloc(reader->partial, reader->partial_room);
    if (reader->partial == NULL) fail("out of memory");
  }
  memcpy(reader->partial + reader->partial_size, bytes, count);
  reader->partial_size += count;
}

/* Bytes of the head, 0 while it is not whole, -1 for a refusal. */
static inline ssize_t ws_head(const uint8_t *bytes, size_t count) {
  const uint8_t *end = memmem(bytes, count, "\r\n\r\n", 4);
  if (end == NULL) return count > WS_HEAD_BYTES_MAX ? -1 : 0;
  if (count >= 12 && memcmp(bytes, "HTTP/1.1 101", 12) == 0) return end + 4 - bytes;
  fprintf(stderr, "refused: %.*s\n", (int)(end - bytes), bytes);
  return -1;
}

/* Bytes of the frame at the beginning, 0 while it is not whole. */
static inline size_t ws_next(const uint8_t *bytes, size_t count, struct ws_message *message) {
  if (count < 2) return 0;
  size_t head = 2, size = bytes[1] & 0x7f;
  if (size >= 126) {
    size_t digits = size == 126 ? 2 : 8;
    if (count < head + digits) return 0;
    for (size = 0; digits > 0; digits--) size = size << 8 | bytes[head++];
  }
  if (count < head + size) return 0;
  *message = (struct ws_message){bytes[0] & 0xf, (bytes[0] & 0x40) != 0, bytes + head, size};
  return head + size;
}

/* Answers the bytes that were read, -1 to give the connection up. */
static inline ssize_t ws_read_whole(struct ws_reader *reader, const uint8_t *bytes, size_t count, ws_take take,
                                    void *owner, uint64_t now_ns) {
  size_t used = 0;
  if (!reader->open) {
    ssize_t head = ws_head(bytes, count);
    if (head <= 0) return head;
    reader->open = true;
    used = (size_t)head;
    /* An open connection says so by a message without opcode. */
    if (!take(owner, (struct ws_message){0}, now_ns)) return -1;
  }
  struct ws_message message;
  for (size_t size; (size = ws_next(bytes + used, count - used, &message)) > 0; used += size) {
    if (message.opcode == WS_CLOSE || !take(owner, message, now_ns)) return -1;
  }
  return (ssize_t)used;
}

/* Whole frames are read where they lie; only what is left of the last one is kept. */
static inline bool ws_read(struct ws_reader *reader, const uint8_t *bytes, size_t count, ws_take take, void *owner,
                           uint64_t now_ns) {
  bool kept = reader->partial_size > 0;
  if (kept) {
    ws_keep(reader, bytes, count);
    bytes = reader->partial;
    count = reader->partial_size;
  }
  ssize_t used = ws_read_whole(reader, bytes, count, take, owner, now_ns);
  if (used < 0) return false;
  size_t left = count - (size_t)used;
  if (kept) {
    memmove(reader->partial, bytes + used, left);
    reader->partial_size = left;
  } else if (left > 0) {
    ws_keep(reader, bytes + used, left);
  }
  if (left == 0 && reader->partial != NULL) {
    free(reader->partial);
    reader->partial = NULL;
    reader->partial_size = reader->partial_room = 0;
  }
  return true;
}

#endif
