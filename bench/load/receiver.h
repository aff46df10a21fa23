/*
 * What a viewer learns from the media it receives: latency from the stamps, losses from the sequences, join
 * time, and for a sample of viewers whether each payload equals the source. Payloads stream through in pieces;
 * only their first two bytes and their stamp are looked at (sampled viewers hash the rest), nothing is copied.
 */
#ifndef BENCH_RECEIVER_H
#define BENCH_RECEIVER_H

#include "flv-file.h"

#define HISTOGRAM_STEPS 64
#define HISTOGRAM_BUCKETS (HISTOGRAM_STEPS * 40)

/* Microseconds in logarithmic buckets of 64 linear steps: at most 1.6 % off. */
struct histogram {
  uint64_t total;
  uint64_t max;
  uint64_t counts[HISTOGRAM_BUCKETS];
};

static inline void histogram_add(struct histogram *histogram, uint64_t micros) {
  int shift = micros < HISTOGRAM_STEPS ? 0 : 63 - __builtin_clzll(micros) - 6;
  uint64_t bucket = (uint64_t)shift * HISTOGRAM_STEPS + (micros >> shift);
  if (bucket >= HISTOGRAM_BUCKETS) bucket = HISTOGRAM_BUCKETS - 1;
  histogram->counts[bucket]++;
  histogram->total++;
  if (micros > histogram->max) histogram->max = micros;
}

static inline void histogram_merge(struct histogram *sum, const struct histogram *part) {
  for (int bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) sum->counts[bucket] += part->counts[bucket];
  sum->total += part->total;
  if (part->max > sum->max) sum->max = part->max;
}

/* Upper edge of the bucket that holds the quantile, in milliseconds; 0 when nothing was recorded. */
static inline double histogram_quantile_ms(const struct histogram *histogram, double quantile) {
  uint64_t rank = (uint64_t)((double)histogram->total * quantile), seen = 0;
  if (histogram->total == 0) return 0;
  if (rank >= histogram->total) rank = histogram->total - 1;
  for (uint64_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
    seen += histogram->counts[bucket];
    if (seen <= rank) continue;
    uint64_t shift = bucket < 2 * HISTOGRAM_STEPS ? 0 : bucket / HISTOGRAM_STEPS - 1;
    uint64_t edge = (bucket - shift * HISTOGRAM_STEPS + 1) << shift;
    return (double)(edge < histogram->max ? edge : histogram->max) / 1000;
  }
  return (double)histogram->max / 1000;
}

/* Sums over all viewers of this process. */
struct report {
  bool measuring;
  struct histogram latency, audio_latency, join;
  uint64_t joined, frames, lost, duplicated, unstamped, bytes;
  uint64_t tags_checked, tags_different;
  uint64_t *video_hashes, *audio_hashes;
  uint64_t video_frames, audio_frames;
};

/* One track of one viewer: the message in progress and the sequence expected next. */
struct receiver_track {
  uint32_t size, position;
  bool started;
  uint8_t head[2];
  uint8_t tail[STAMP_BYTES];
  uint64_t hash;
  uint64_t sequence_next;
};

struct receiver {
  struct report *report;
  bool sampled, joined;
  uint64_t connect_ns;
  struct receiver_track video, audio;
};

static inline void report_expect(struct report *report, const struct flv_file *file) {
  report->video_frames = file->video_frames;
  report->audio_frames = file->audio_frames;
  report->video_hashes = calloc(file->video_frames, sizeof(uint64_t));
  report->audio_hashes = calloc(file->audio_frames, sizeof(uint64_t));
  for (size_t i = 0; i < file->tag_count; i++) {
    const struct flv_tag *tag = &file->tags[i];
    uint64_t *hashes = tag->type == FLV_VIDEO ? report->video_hashes : report->audio_hashes;
    hashes[tag->frame] = payload_hash(PAYLOAD_HASH_START, tag->payload, tag->size - STAMP_BYTES);
  }
}

static inline struct receiver_track *receiver_track(struct receiver *receiver, uint8_t type) {
  return type == FLV_VIDEO ? &receiver->video : &receiver->audio;
}

static inline void receiver_sequence(struct receiver_track *track, struct report *report, uint64_t sequence) {
  if (track->started && sequence > track->sequence_next) report->lost += sequence - track->sequence_next;
  if (track->started && sequence < track->sequence_next) {
    report->duplicated++;
    return;
  }
  track->started = true;
  track->sequence_next = sequence + 1;
}

static inline void receiver_check(struct receiver_track *track, struct report *report, bool video, uint64_t sequence) {
  uint64_t *hashes = video ? report->video_hashes : report->audio_hashes;
  uint64_t frames = video ? report->video_frames : report->audio_frames;
  report->tags_checked++;
  if (hashes[sequence % frames] != track->hash) report->tags_different++;
}

/* A whole frame is here: `now_ns` is when its last byte was read. */
static inline void receiver_frame(struct receiver *receiver, bool video, uint64_t now_ns) {
  struct receiver_track *track = video ? &receiver->video : &receiver->audio;
  struct report *report = receiver->report;
  struct stamp stamp;
  if (track->size < STAMP_BYTES || !stamp_read(track->tail, &stamp)) {
    report->unstamped++;
    return;
  }
  receiver_sequence(track, report, stamp.sequence);
  if (receiver->sampled) receiver_check(track, report, video, stamp.sequence);
  uint64_t micros = now_ns > stamp.time_ns ? (now_ns - stamp.time_ns) / 1000 : 0;
  if (!video) {
    if (report->measuring) histogram_add(&report->audio_latency, micros);
    return;
  }
  if (!receiver->joined && track->head[0] >> 4 == 1) {
    receiver->joined = true;
    report->joined++;
    histogram_add(&report->join, (now_ns - receiver->connect_ns) / 1000);
  }
  if (!report->measuring) return;
  report->frames++;
  histogram_add(&report->latency, micros);
}

static inline void receiver_begin(struct receiver *receiver, uint8_t type, uint32_t size) {
  struct receiver_track *track = receiver_track(receiver, type);
  track->size = size;
  track->position = 0;
  track->hash = PAYLOAD_HASH_START;
}

/* Copies the part of a piece that overlaps [from, from + room) of the payload. */
static inline void receiver_keep(uint8_t *room, uint32_t from, uint32_t room_size, const uint8_t *bytes,
                                 uint32_t position, uint32_t count) {
  uint32_t begin = position > from ? position : from;
  uint32_t end = position + count < from + room_size ? position + count : from + room_size;
  if (begin < end) memcpy(room + (begin - from), bytes + (begin - position), end - begin);
}

static inline void receiver_piece(struct receiver *receiver, uint8_t type, const uint8_t *bytes, size_t size,
                                  uint64_t now_ns) {
  struct receiver_track *track = receiver_track(receiver, type);
  uint32_t count = (uint32_t)size, position = track->position;
  uint32_t stamp_at = track->size > STAMP_BYTES ? track->size - STAMP_BYTES : 0;
  if (position < sizeof track->head) receiver_keep(track->head, 0, sizeof track->head, bytes, position, count);
  if (position + count > stamp_at) receiver_keep(track->tail, stamp_at, STAMP_BYTES, bytes, position, count);
  if (receiver->sampled && position < stamp_at) {
    uint32_t hashed = position + count < stamp_at ? count : stamp_at - position;
    track->hash = payload_hash(track->hash, bytes, hashed);
  }
  track->position += count;
  /* Packet type 1 is a frame; codec headers (0) and the end of a sequence (2) carry no stamp. */
  if (track->position == track->size && track->size > 1 && track->head[1] == 1) {
    receiver_frame(receiver, type == FLV_VIDEO, now_ns);
  }
}

#endif
