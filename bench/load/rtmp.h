/*
 * The client half of RTMP that the load programs need: chunk writer, incremental chunk reader, AMF0 commands.
 * Media payloads stream through the reader without being gathered; only control messages are.
 */
#ifndef BENCH_RTMP_H
#define BENCH_RTMP_H

#include "flv-file.h"

#define RTMP_HANDSHAKE_BYTES 1536
#define RTMP_CHUNK_SIZE_DEFAULT 128
#define RTMP_CHUNK_STREAMS 64
#define RTMP_CONTROL_BYTES_MAX 2048

enum rtmp_type {
  RTMP_SET_CHUNK_SIZE = 1,
  RTMP_ACKNOWLEDGEMENT = 3,
  RTMP_USER_CONTROL = 4,
  RTMP_WINDOW_ACK_SIZE = 5,
  RTMP_AUDIO = 8,
  RTMP_VIDEO = 9,
  RTMP_DATA = 18,
  RTMP_COMMAND = 20
};

struct rtmp_message {
  uint8_t chunk_stream;
  uint8_t type;
  uint32_t stream_id;
  uint32_t timestamp;
  const uint8_t *payload;
  size_t size;
};

/* --- writing --- */

/* Writes a message in chunks; `out` needs room for the payload and 16 bytes a chunk. Answers the length. */
static inline size_t rtmp_write(uint8_t *out, size_t chunk_size, const struct rtmp_message *message) {
  bool extended = message->timestamp >= 0xffffff;
  uint8_t *at = out;
  *at++ = message->chunk_stream;
  write_u24(at, extended ? 0xffffff : message->timestamp);
  write_u24(at + 3, (uint32_t)message->size);
  at[6] = message->type;
  for (int i = 0; i < 4; i++) at[7 + i] = (uint8_t)(message->stream_id >> (8 * i));
  at += 11;
  for (size_t sent = 0; sent == 0 || sent < message->size;) {
    if (sent > 0) *at++ = 0xc0 | message->chunk_stream;
    if (extended) {
      write_u32(at, message->timestamp);
      at += 4;
    }
    size_t piece = message->size - sent < chunk_size ? message->size - sent : chunk_size;
    memcpy(at, message->payload + sent, piece);
    at += piece;
    sent += piece;
    if (message->size == 0) break;
  }
  return (size_t)(at - out);
}

/* An AMF0 body being written; commands here are far below its size. */
struct amf {
  uint8_t bytes[1024];
  size_t size;
};

static inline void amf_raw(struct amf *amf, const void *bytes, size_t count) {
  if (amf->size + count > sizeof amf->bytes) fail("an RTMP command is over %zu bytes", sizeof amf->bytes);
  memcpy(amf->bytes + amf->size, bytes, count);
  amf->size += count;
}

static inline void amf_byte(struct amf *amf, uint8_t byte) { amf_raw(amf, &byte, 1); }

static inline void amf_name(struct amf *amf, const char *text) {
  size_t length = strlen(text);
  amf_byte(amf, (uint8_t)(length >> 8));
  amf_byte(amf, (uint8_t)length);
  amf_raw(amf, text, length);
}

static inline void amf_string(struct amf *amf, const char *text) {
  amf_byte(amf, 2);
  amf_name(amf, text);
}

static inline void amf_number(struct amf *amf, double number) {
  uint64_t bits;
  memcpy(&bits, &number, 8);
  amf_byte(amf, 0);
  for (int i = 7; i >= 0; i--) amf_byte(amf, (uint8_t)(bits >> (8 * i)));
}

static inline void amf_null(struct amf *amf) { amf_byte(amf, 5); }

/* `connect` with the properties every server reads. */
static inline void amf_connect(struct amf *amf, const char *app, const char *tc_url) {
  amf_string(amf, "connect");
  amf_number(amf, 1);
  amf_byte(amf, 3);
  amf_name(amf, "app");
  amf_string(amf, app);
  amf_name(amf, "flashVer");
  amf_string(amf, "FMLE/3.0 (compatible; bench)");
  amf_name(amf, "tcUrl");
  amf_string(amf, tc_url);
  amf_raw(amf, "\0\0\x09", 3);
}

static inline double amf_read_number(const uint8_t *at) {
  uint64_t bits = (uint64_t)read_u32(at) << 32 | read_u32(at + 4);
  double number;
  memcpy(&number, &bits, 8);
  return number;
}

/* A command's name and transaction; false when the body is not one. */
struct rtmp_command {
  const char *name;
  size_t name_size;
  double transaction;
  const uint8_t *rest;
  size_t rest_size;
};

static inline bool rtmp_command_read(const uint8_t *body, size_t size, struct rtmp_command *command) {
  if (size < 3 || body[0] != 2) return false;
  size_t length = (size_t)body[1] << 8 | body[2];
  if (size < 3 + length + 9 || body[3 + length] != 0) return false;
  command->name = (const char *)body + 3;
  command->name_size = length;
  command->transaction = amf_read_number(body + 4 + length);
  command->rest = body + 12 + length;
  command->rest_size = size - 12 - length;
  return true;
}

static inline bool rtmp_command_is(const struct rtmp_command *command, const char *name) {
  return command->name_size == strlen(name) && memcmp(command->name, name, command->name_size) == 0;
}

/* --- reading --- */

struct rtmp_chunk_stream {
  uint32_t length;
  uint32_t received;
  uint8_t type;
  bool extended;
};

enum rtmp_read_state { RTMP_READ_BASIC, RTMP_READ_HEADER, RTMP_READ_EXTENDED, RTMP_READ_BODY };

struct rtmp_reader {
  enum rtmp_read_state state;
  uint8_t chunk_stream;
  uint8_t header[11];
  uint8_t header_size, header_used;
  uint32_t chunk_size;
  uint32_t chunk_left;
  uint32_t control_used;
  struct rtmp_chunk_stream streams[RTMP_CHUNK_STREAMS];
  uint8_t control[RTMP_CONTROL_BYTES_MAX];
};

/* Where a reader's output goes. Media begins once a message, then comes in pieces; control comes whole. */
struct rtmp_sink {
  void (*media_begin)(void *context, uint8_t type, uint32_t size);
  void (*media_piece)(void *context, uint8_t type, const uint8_t *bytes, size_t count);
  void (*control)(void *context, uint8_t type, const uint8_t *body, size_t size);
  void *context;
};

static inline void rtmp_reader_open(struct rtmp_reader *reader) {
  memset(reader, 0, offsetof(struct rtmp_reader, control));
  reader->chunk_size = RTMP_CHUNK_SIZE_DEFAULT;
}

static inline bool rtmp_is_media(uint8_t type) { return type == RTMP_AUDIO || type == RTMP_VIDEO; }

static inline bool rtmp_basic(struct rtmp_reader *reader, uint8_t byte) {
  static const uint8_t header_sizes[4] = {11, 7, 3, 0};
  reader->chunk_stream = byte & 0x3f;
  if (reader->chunk_stream < 2) return false; /* two-byte forms: none of the measured servers sends them */
  reader->header_size = header_sizes[byte >> 6];
  reader->header_used = 0;
  reader->state = RTMP_READ_HEADER;
  return true;
}

static inline void rtmp_body_begin(struct rtmp_reader *reader, const struct rtmp_sink *sink) {
  struct rtmp_chunk_stream *stream = &reader->streams[reader->chunk_stream];
  uint32_t left = stream->length - stream->received;
  reader->chunk_left = left < reader->chunk_size ? left : reader->chunk_size;
  reader->state = RTMP_READ_BODY;
  if (stream->received > 0) return;
  if (rtmp_is_media(stream->type)) sink->media_begin(sink->context, stream->type, stream->length);
  else reader->control_used = 0;
}

static inline void rtmp_header_done(struct rtmp_reader *reader, const struct rtmp_sink *sink) {
  struct rtmp_chunk_stream *stream = &reader->streams[reader->chunk_stream];
  if (reader->header_size >= 3) stream->extended = read_u24(reader->header) == 0xffffff;
  if (reader->header_size >= 7) {
    stream->length = read_u24(reader->header + 3);
    stream->type = reader->header[6];
  }
  reader->header_used = 0;
  if (stream->extended) reader->state = RTMP_READ_EXTENDED;
  else rtmp_body_begin(reader, sink);
}

static inline void rtmp_control_done(struct rtmp_reader *reader, uint8_t type, const struct rtmp_sink *sink) {
  if (type == RTMP_SET_CHUNK_SIZE && reader->control_used >= 4) reader->chunk_size = read_u32(reader->control);
  sink->control(sink->context, type, reader->control, reader->control_used);
}

static inline size_t rtmp_body(struct rtmp_reader *reader, const struct rtmp_sink *sink, const uint8_t *bytes,
                               size_t count) {
  struct rtmp_chunk_stream *stream = &reader->streams[reader->chunk_stream];
  size_t piece = count < reader->chunk_left ? count : reader->chunk_left;
  if (rtmp_is_media(stream->type)) {
    sink->media_piece(sink->context, stream->type, bytes, piece);
  } else if (reader->control_used + piece <= RTMP_CONTROL_BYTES_MAX) {
    memcpy(reader->control + reader->control_used, bytes, piece);
    reader->control_used += (uint32_t)piece;
  }
  stream->received += (uint32_t)piece;
  reader->chunk_left -= (uint32_t)piece;
  if (reader->chunk_left > 0) return piece;
  reader->state = RTMP_READ_BASIC;
  if (stream->received < stream->length) return piece;
  stream->received = 0;
  if (!rtmp_is_media(stream->type)) rtmp_control_done(reader, stream->type, sink);
  return piece;
}

/* One byte of a header that may be split over reads anywhere. */
static inline void rtmp_header_byte(struct rtmp_reader *reader, const struct rtmp_sink *sink, uint8_t byte) {
  reader->header[reader->header_used++] = byte;
  if (reader->state == RTMP_READ_HEADER && reader->header_used == reader->header_size) rtmp_header_done(reader, sink);
  else if (reader->state == RTMP_READ_EXTENDED && reader->header_used == 4) rtmp_body_begin(reader, sink);
}

/* Takes any piece of the byte stream; false on a protocol error. */
static inline bool rtmp_read(struct rtmp_reader *reader, const struct rtmp_sink *sink, const uint8_t *bytes,
                             size_t count) {
  for (size_t at = 0; at < count;) {
    if (reader->state == RTMP_READ_BODY) {
      at += rtmp_body(reader, sink, bytes + at, count - at);
    } else if (reader->state == RTMP_READ_BASIC) {
      if (!rtmp_basic(reader, bytes[at++])) return false;
      if (reader->header_size == 0) rtmp_header_done(reader, sink);
    } else {
      rtmp_header_byte(reader, sink, bytes[at++]);
    }
  }
  return true;
}

#endif
