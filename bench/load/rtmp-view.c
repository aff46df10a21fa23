/*
 * N viewers of an RTMP stream: connect, createStream, play; see viewers.h for the options they share.
 * Own options: --app live --stream name
 */
#include "viewers.h"
#include "rtmp.h"

#define ACKNOWLEDGE_BYTES_DEFAULT 2500000u

struct rtmp_viewer {
  uint8_t *handshake;
  uint32_t handshake_used;
  uint32_t window_bytes;
  uint64_t acknowledged;
  uint64_t now_ns;
  bool refused;
  struct rtmp_reader reader;
};

static const char *app, *stream, *tc_url;

static bool send_message(struct viewer *viewer, const struct rtmp_message *message) {
  uint8_t out[1200 + 16 * 16];
  return viewer_send(viewer, out, rtmp_write(out, RTMP_CHUNK_SIZE_DEFAULT, message));
}

static bool send_command(struct viewer *viewer, const struct amf *amf, uint32_t stream_id) {
  uint8_t chunk_stream = stream_id == 0 ? 3 : 8;
  struct rtmp_message message = {chunk_stream, RTMP_COMMAND, stream_id, 0, amf->bytes, amf->size};
  return send_message(viewer, &message);
}

static bool send_connect(struct viewer *viewer) {
  struct amf amf = {.size = 0};
  amf_connect(&amf, app, tc_url);
  return send_command(viewer, &amf, 0);
}

static bool send_create_stream(struct viewer *viewer) {
  struct amf amf = {.size = 0};
  amf_string(&amf, "createStream");
  amf_number(&amf, 2);
  amf_null(&amf);
  return send_command(viewer, &amf, 0);
}

/* `play` of the live stream only (-1), after a SetBufferLength as players send it. */
static bool send_play(struct viewer *viewer, uint32_t stream_id) {
  uint8_t buffer_length[10] = {0, 3};
  write_u32(buffer_length + 2, stream_id);
  write_u32(buffer_length + 6, 1000);
  struct rtmp_message control = {2, RTMP_USER_CONTROL, 0, 0, buffer_length, sizeof buffer_length};
  struct amf amf = {.size = 0};
  amf_string(&amf, "play");
  amf_number(&amf, 3);
  amf_null(&amf);
  amf_string(&amf, stream);
  amf_number(&amf, -1);
  return send_message(viewer, &control) && send_command(viewer, &amf, stream_id);
}

static bool on_command(struct viewer *viewer, const uint8_t *body, size_t size) {
  struct rtmp_command command;
  if (!rtmp_command_read(body, size, &command)) return true;
  if (rtmp_command_is(&command, "_error")) return false;
  if (rtmp_command_is(&command, "onStatus")) return memmem(command.rest, command.rest_size, "error", 5) == NULL;
  if (!rtmp_command_is(&command, "_result")) return true;
  if (command.transaction == 1) return send_create_stream(viewer);
  if (command.transaction != 2 || command.rest_size < 10) return true;
  return send_play(viewer, (uint32_t)amf_read_number(command.rest + 2));
}

/* A ping request (6) is answered with its own time. */
static bool on_user_control(struct viewer *viewer, const uint8_t *body, size_t size) {
  if (size < 6 || body[1] != 6) return true;
  uint8_t pong[6] = {0, 7};
  memcpy(pong + 2, body + 2, 4);
  struct rtmp_message message = {2, RTMP_USER_CONTROL, 0, 0, pong, sizeof pong};
  return send_message(viewer, &message);
}

static void on_control(void *context, uint8_t type, const uint8_t *body, size_t size) {
  struct viewer *viewer = context;
  struct rtmp_viewer *state = viewer->protocol_state;
  bool kept = true;
  if (type == RTMP_COMMAND) kept = on_command(viewer, body, size);
  else if (type == RTMP_USER_CONTROL) kept = on_user_control(viewer, body, size);
  else if (type == RTMP_WINDOW_ACK_SIZE && size >= 4) state->window_bytes = read_u32(body);
  if (!kept) state->refused = true;
}

static void on_media_begin(void *context, uint8_t type, uint32_t size) {
  receiver_begin(&((struct viewer *)context)->receiver, type, size);
}

static void on_media_piece(void *context, uint8_t type, const uint8_t *bytes, size_t count) {
  struct viewer *viewer = context;
  struct rtmp_viewer *state = viewer->protocol_state;
  receiver_piece(&viewer->receiver, type, bytes, count, state->now_ns);
}

static bool acknowledge(struct viewer *viewer) {
  struct rtmp_viewer *state = viewer->protocol_state;
  if (viewer->bytes - state->acknowledged < state->window_bytes / 2) return true;
  state->acknowledged = viewer->bytes;
  uint8_t sequence[4];
  write_u32(sequence, (uint32_t)viewer->bytes);
  struct rtmp_message message = {2, RTMP_ACKNOWLEDGEMENT, 0, 0, sequence, sizeof sequence};
  return send_message(viewer, &message);
}

/* Simple handshake: C0 C1 go out at once, C2 echoes S1. Answers the bytes taken, -1 on failure. */
static ssize_t handshake_data(struct viewer *viewer, const uint8_t *bytes, size_t count) {
  struct rtmp_viewer *state = viewer->protocol_state;
  size_t wanted = 1 + 2 * RTMP_HANDSHAKE_BYTES - state->handshake_used;
  size_t piece = count < wanted ? count : wanted;
  memcpy(state->handshake + state->handshake_used, bytes, piece);
  state->handshake_used += (uint32_t)piece;
  if (piece < wanted) return (ssize_t)piece;
  bool sent = viewer_send(viewer, state->handshake + 1, RTMP_HANDSHAKE_BYTES) && send_connect(viewer);
  free(state->handshake);
  state->handshake = NULL;
  return sent ? (ssize_t)piece : -1;
}

static bool rtmp_data(struct viewer *viewer, const uint8_t *bytes, size_t count, uint64_t now_ns) {
  struct rtmp_viewer *state = viewer->protocol_state;
  if (state->handshake != NULL) {
    ssize_t taken = handshake_data(viewer, bytes, count);
    if (taken < 0) return false;
    bytes += taken;
    count -= (size_t)taken;
  }
  state->now_ns = now_ns;
  struct rtmp_sink sink = {on_media_begin, on_media_piece, on_control, viewer};
  return rtmp_read(&state->reader, &sink, bytes, count) && !state->refused && acknowledge(viewer);
}

static bool rtmp_opened(struct viewer *viewer) {
  struct rtmp_viewer *state = viewer->protocol_state;
  uint8_t hello[1 + RTMP_HANDSHAKE_BYTES] = {3};
  state->handshake = malloc(1 + 2 * RTMP_HANDSHAKE_BYTES);
  state->window_bytes = ACKNOWLEDGE_BYTES_DEFAULT;
  rtmp_reader_open(&state->reader);
  for (int i = 9; i < (int)sizeof hello; i++) hello[i] = (uint8_t)(i * 7);
  return viewer_send(viewer, hello, sizeof hello);
}

int main(int count, char **values) {
  struct options options = {count, values};
  static const struct viewer_protocol protocol = {sizeof(struct rtmp_viewer), rtmp_opened, rtmp_data};
  static char url[512];
  app = option_text(options, "app", "live");
  stream = option_text(options, "stream", NULL);
  snprintf(url, sizeof url, "rtmp://%s:%s/%s", option_text(options, "host", "127.0.0.1"),
           option_text(options, "port", NULL), app);
  tc_url = url;
  return crowd_main(options, &protocol);
}
