/*
 * The source FLV in memory and its endless real-time schedule: which tag is due when, with which timestamp
 * and which sequence. Both the RTMP publisher and the C send loop follow it, so they send the same bytes at
 * the same times.
 */
#ifndef BENCH_FLV_FILE_H
#define BENCH_FLV_FILE_H

#include "options.h"
#include "stamp.h"

#define FLV_AUDIO 8
#define FLV_VIDEO 9
#define FLV_SCRIPT 18
#define FLV_FILE_TAGS_MAX 65536

struct flv_tag {
  uint8_t type;
  bool key;
  uint32_t timestamp_ms;
  uint32_t size;
  uint64_t frame;
  uint8_t *payload;
};

struct flv_file {
  uint8_t *bytes;
  struct flv_tag script, video_header, audio_header;
  struct flv_tag *tags;
  size_t tag_count;
  uint64_t video_frames, audio_frames;
  uint32_t duration_ms;
};

/* Position in the endless schedule. `start_ns` is when timestamp 0 was due. */
struct flv_schedule {
  struct flv_file *file;
  uint64_t start_ns;
  size_t index;
  uint64_t loop;
};

static inline uint32_t read_u24(const uint8_t *at) {
  return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
}

static inline uint32_t read_u32(const uint8_t *at) { return (uint32_t)at[0] << 24 | read_u24(at + 1); }

static inline void write_u24(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 16);
  at[1] = (uint8_t)(value >> 8);
  at[2] = (uint8_t)value;
}

static inline void write_u32(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 24);
  write_u24(at + 1, value);
}

static inline size_t flv_read_bytes(const char *path, uint8_t **bytes) {
  FILE *stream = fopen(path, "rb");
  if (stream == NULL) fail("cannot open %s", path);
  fseek(stream, 0, SEEK_END);
  size_t size = (size_t)ftell(stream);
  rewind(stream);
  *bytes = malloc(size);
  if (fread(*bytes, 1, size, stream) != size) fail("cannot read %s", path);
  fclose(stream);
  return size;
}

static inline void flv_add_frame(struct flv_file *file, struct flv_tag tag) {
  if (tag.size < STAMP_BYTES + STAMP_HEADROOM_BYTES) fail("a frame of %u bytes has no room for a stamp", tag.size);
  if (file->tag_count == FLV_FILE_TAGS_MAX) fail("the source has over %d tags", FLV_FILE_TAGS_MAX);
  tag.frame = tag.type == FLV_VIDEO ? file->video_frames++ : file->audio_frames++;
  tag.key = tag.type == FLV_VIDEO && tag.payload[0] >> 4 == 1;
  file->tags[file->tag_count++] = tag;
}

/* Codec headers are kept apart; the "end of sequence" tag that ffmpeg appends is dropped (a loop has no end). */
static inline void flv_sort_tag(struct flv_file *file, struct flv_tag tag) {
  uint8_t packet = tag.size > 1 ? tag.payload[1] : 2;
  if (tag.type == FLV_SCRIPT) file->script = tag;
  else if (tag.type == FLV_VIDEO && packet == 0) file->video_header = tag;
  else if (tag.type == FLV_AUDIO && packet == 0) file->audio_header = tag;
  else if (packet == 1) flv_add_frame(file, tag);
}

/* The loop's length: each track goes on one frame after its last one, and the longer track decides. */
static inline uint32_t flv_duration_ms(const struct flv_file *file) {
  uint32_t video_last = 0, audio_last = 0;
  for (size_t i = 0; i < file->tag_count; i++) {
    struct flv_tag *tag = &file->tags[i];
    if (tag->type == FLV_VIDEO) video_last = tag->timestamp_ms;
    else audio_last = tag->timestamp_ms;
  }
  uint32_t video_ms = (uint32_t)(video_last + (video_last + file->video_frames / 2) / (file->video_frames - 1));
  uint32_t audio_ms = (uint32_t)(audio_last + audio_last / (file->audio_frames - 1) + 1);
  return video_ms > audio_ms ? video_ms : audio_ms;
}

static inline void flv_file_open(struct flv_file *file, const char *path) {
  memset(file, 0, sizeof *file);
  size_t size = flv_read_bytes(path, &file->bytes);
  if (size < 13 || memcmp(file->bytes, "FLV", 3) != 0) fail("%s is not an FLV file", path);
  file->tags = malloc(FLV_FILE_TAGS_MAX * sizeof *file->tags);
  for (size_t at = read_u32(file->bytes + 5) + 4; at + 11 <= size;) {
    uint8_t *head = file->bytes + at;
    struct flv_tag tag = {.type = head[0] & 0x1f, .size = read_u24(head + 1), .payload = head + 11};
    tag.timestamp_ms = read_u24(head + 4) | (uint32_t)head[7] << 24;
    if (at + 11 + tag.size > size) break;
    flv_sort_tag(file, tag);
    at += 11 + tag.size + 4;
  }
  if (file->video_frames < 2 || file->audio_frames < 2) fail("%s needs video and audio frames", path);
  if (file->video_header.size == 0 || file->audio_header.size == 0) fail("%s has no codec headers", path);
  file->duration_ms = flv_duration_ms(file);
}

static inline struct flv_tag *schedule_tag(const struct flv_schedule *schedule) {
  return &schedule->file->tags[schedule->index];
}

/* Timestamps go on over the loops' seams and wrap at 2^32 ms like any RTMP timestamp. */
static inline uint64_t schedule_timestamp_ms(const struct flv_schedule *schedule) {
  return schedule->loop * schedule->file->duration_ms + schedule_tag(schedule)->timestamp_ms;
}

static inline uint64_t schedule_due_ns(const struct flv_schedule *schedule) {
  return schedule->start_ns + schedule_timestamp_ms(schedule) * 1000000ull;
}

/* Stamps the due tag in place with the present time. */
static inline void schedule_stamp(const struct flv_schedule *schedule) {
  struct flv_tag *tag = schedule_tag(schedule);
  uint64_t frames = tag->type == FLV_VIDEO ? schedule->file->video_frames : schedule->file->audio_frames;
  struct stamp stamp = {.sequence = schedule->loop * frames + tag->frame, .time_ns = monotonic_ns()};
  stamp_write(tag->payload, tag->size, stamp);
}

static inline void schedule_advance(struct flv_schedule *schedule) {
  if (++schedule->index < schedule->file->tag_count) return;
  schedule->index = 0;
  schedule->loop++;
}

#endif
