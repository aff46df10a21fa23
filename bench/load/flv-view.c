/*
 * N viewers of an HTTP-FLV (or HTTPS-FLV) stream; see viewers.h for the options they share.
 * Own option: --path /live/name.flv?latency=low
 */
#include "viewers.h"

#define HTTP_HEAD_BYTES_MAX 4096
#define FLV_TAG_HEAD_BYTES 11

enum http_state { HTTP_HEAD, HTTP_IDENTITY, HTTP_CHUNK_SIZE, HTTP_CHUNK_BODY, HTTP_CHUNK_END };
enum flv_state { FLV_FILE_HEAD, FLV_TAG_HEAD, FLV_TAG_BODY, FLV_TAG_SIZE };

struct flv_viewer {
  enum http_state http;
  enum flv_state flv;
  uint32_t chunk_left;
  uint32_t flv_left;
  uint8_t tag_type;
  uint8_t tag_head[FLV_TAG_HEAD_BYTES];
  uint8_t tag_head_used;
  uint32_t head_used;
  char *head;
};

static char request[2048];
static size_t request_size;

/* --- FLV: a byte count and a state; payload bytes go to the receiver unread --- */

static void flv_expect(struct flv_viewer *state, enum flv_state next, uint32_t bytes) {
  state->flv = next;
  state->flv_left = bytes;
  state->tag_head_used = 0;
}

static void flv_tag_begin(struct flv_viewer *state, struct viewer *viewer) {
  uint32_t size = read_u24(state->tag_head + 1);
  state->tag_type = state->tag_head[0] & 0x1f;
  if (state->tag_type == FLV_VIDEO || state->tag_type == FLV_AUDIO) {
    receiver_begin(&viewer->receiver, state->tag_type, size);
  }
  flv_expect(state, size > 0 ? FLV_TAG_BODY : FLV_TAG_SIZE, size > 0 ? size : 4);
}

static void flv_section_done(struct flv_viewer *state, struct viewer *viewer) {
  if (state->flv == FLV_TAG_HEAD) flv_tag_begin(state, viewer);
  else if (state->flv == FLV_TAG_BODY) flv_expect(state, FLV_TAG_SIZE, 4);
  else flv_expect(state, FLV_TAG_HEAD, FLV_TAG_HEAD_BYTES);
}

static void flv_data(struct viewer *viewer, const uint8_t *bytes, size_t count, uint64_t now_ns) {
  struct flv_viewer *state = viewer->protocol_state;
  while (count > 0) {
    size_t piece = count < state->flv_left ? count : state->flv_left;
    if (state->flv == FLV_TAG_HEAD) {
      memcpy(state->tag_head + state->tag_head_used, bytes, piece);
      state->tag_head_used += (uint8_t)piece;
    } else if (state->flv == FLV_TAG_BODY && state->tag_type != FLV_SCRIPT) {
      receiver_piece(&viewer->receiver, state->tag_type, bytes, piece, now_ns);
    }
    bytes += piece;
    count -= piece;
    state->flv_left -= (uint32_t)piece;
    if (state->flv_left == 0) flv_section_done(state, viewer);
  }
}

/* --- HTTP: the response head, then a body as it is or in chunks --- */

/* Answers the bytes taken, or -1 for a refusal or a head over the bound. */
static ssize_t http_head(struct flv_viewer *state, const uint8_t *bytes, size_t count) {
  if (state->head == NULL) state->head = calloc(1, HTTP_HEAD_BYTES_MAX + 1);
  for (size_t i = 0; i < count; i++) {
    if (state->head_used == HTTP_HEAD_BYTES_MAX) return -1;
    state->head[state->head_used++] = (char)bytes[i];
    if (state->head_used < 4 || memcmp(state->head + state->head_used - 4, "\r\n\r\n", 4) != 0) continue;
    bool accepted = strncmp(state->head, "HTTP/1.1 200", 12) == 0;
    if (!accepted) fprintf(stderr, "refused: %.*s\n", (int)strcspn(state->head, "\r"), state->head);
    state->http = strcasestr(state->head, "\r\ntransfer-encoding: chunked") ? HTTP_CHUNK_SIZE : HTTP_IDENTITY;
    flv_expect(state, FLV_FILE_HEAD, 9 + 4);
    free(state->head);
    return accepted ? (ssize_t)i + 1 : -1;
  }
  return (ssize_t)count;
}

static int hex_digit(uint8_t byte) {
  uint8_t letter = byte | 32;
  if (byte >= '0' && byte <= '9') return byte - '0';
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* "<hex size>\r\n" before a chunk; the "\r\n" after one is skipped in the same state machine. */
static bool http_chunk_byte(struct flv_viewer *state, uint8_t byte) {
  if (state->http == HTTP_CHUNK_END) {
    if (byte == '\n') state->http = HTTP_CHUNK_SIZE;
    return true;
  }
  if (byte == '\r') return true;
  if (byte == '\n') {
    state->http = HTTP_CHUNK_BODY;
    return state->chunk_left > 0; /* a chunk of 0 ends the response */
  }
  int digit = hex_digit(byte);
  state->chunk_left = state->chunk_left * 16 + (uint32_t)digit;
  return digit >= 0;
}

static bool http_chunked(struct viewer *viewer, const uint8_t *bytes, size_t count, uint64_t now_ns) {
  struct flv_viewer *state = viewer->protocol_state;
  while (count > 0) {
    if (state->http != HTTP_CHUNK_BODY) {
      if (!http_chunk_byte(state, *bytes)) return false;
      bytes++;
      count--;
      continue;
    }
    size_t piece = count < state->chunk_left ? count : state->chunk_left;
    flv_data(viewer, bytes, piece, now_ns);
    bytes += piece;
    count -= piece;
    state->chunk_left -= (uint32_t)piece;
    if (state->chunk_left == 0) state->http = HTTP_CHUNK_END;
  }
  return true;
}

static bool http_data(struct viewer *viewer, const uint8_t *bytes, size_t count, uint64_t now_ns) {
  struct flv_viewer *state = viewer->protocol_state;
  if (state->http == HTTP_HEAD) {
    ssize_t taken = http_head(state, bytes, count);
    if (taken < 0) return false;
    bytes += taken;
    count -= (size_t)taken;
  }
  if (state->http != HTTP_IDENTITY) return http_chunked(viewer, bytes, count, now_ns);
  flv_data(viewer, bytes, count, now_ns);
  return true;
}

static bool http_opened(struct viewer *viewer) { return viewer_send(viewer, request, request_size); }

int main(int count, char **values) {
  struct options options = {count, values};
  static const struct viewer_protocol protocol = {sizeof(struct flv_viewer), http_opened, http_data};
  int size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s:%s\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n",
                      option_text(options, "path", NULL), option_text(options, "host", "127.0.0.1"),
                      option_text(options, "port", NULL));
  if (size <= 0 || (size_t)size >= sizeof request) fail("--path is too long");
  request_size = (size_t)size;
  return crowd_main(options, &protocol);
}
