/*
 * The stamp every frame carries: a marker, the frame's sequence in its track and the CLOCK_MONOTONIC time at
 * which it was emitted, as fixed-width ASCII in the LAST bytes of the payload. There it lies inside the last
 * slice of a video frame (or the raw data of an AAC frame), where no server looks, and since no byte is zero
 * it can never form a start code. Publisher, C send loop and viewers run on one machine and so on one clock.
 */
#ifndef BENCH_STAMP_H
#define BENCH_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define STAMP_MARKER "\xA5GFRAME\xA5"
#define STAMP_MARKER_BYTES 8
#define STAMP_SEQUENCE_DIGITS 10
#define STAMP_TIME_DIGITS 19
#define STAMP_BYTES (STAMP_MARKER_BYTES + STAMP_SEQUENCE_DIGITS + STAMP_TIME_DIGITS)

/* Enough room before the stamp for every header a server may read in a payload (tag, NAL and slice header). */
#define STAMP_HEADROOM_BYTES 64

struct stamp {
  uint64_t sequence;
  uint64_t time_ns;
};

static inline uint64_t monotonic_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static inline void stamp_put_digits(uint8_t *at, int digits, uint64_t value) {
  for (int i = digits - 1; i >= 0; i--) {
    at[i] = (uint8_t)('0' + value % 10);
    value /= 10;
  }
}

static inline bool stamp_take_digits(const uint8_t *at, int digits, uint64_t *value) {
  uint64_t sum = 0;
  for (int i = 0; i < digits; i++) {
    if (at[i] < '0' || at[i] > '9') return false;
    sum = sum * 10 + (uint64_t)(at[i] - '0');
  }
  *value = sum;
  return true;
}

/* Overwrites the last STAMP_BYTES of a payload. */
static inline void stamp_write(uint8_t *payload, size_t size, struct stamp stamp) {
  uint8_t *at = payload + size - STAMP_BYTES;
  memcpy(at, STAMP_MARKER, STAMP_MARKER_BYTES);
  stamp_put_digits(at + STAMP_MARKER_BYTES, STAMP_SEQUENCE_DIGITS, stamp.sequence);
  stamp_put_digits(at + STAMP_MARKER_BYTES + STAMP_SEQUENCE_DIGITS, STAMP_TIME_DIGITS, stamp.time_ns);
}

/* Reads a stamp from the last STAMP_BYTES of a payload; false when there is none (headers, metadata). */
static inline bool stamp_read(const uint8_t tail[STAMP_BYTES], struct stamp *stamp) {
  if (memcmp(tail, STAMP_MARKER, STAMP_MARKER_BYTES) != 0) return false;
  const uint8_t *digits = tail + STAMP_MARKER_BYTES;
  return stamp_take_digits(digits, STAMP_SEQUENCE_DIGITS, &stamp->sequence) &&
         stamp_take_digits(digits + STAMP_SEQUENCE_DIGITS, STAMP_TIME_DIGITS, &stamp->time_ns);
}

/* FNV-1a over a payload without its stamp: equal on every loop of the source, so receivers can check it. */
#define PAYLOAD_HASH_START 0xcbf29ce484222325ull

static inline uint64_t payload_hash(uint64_t hash, const uint8_t *bytes, size_t count) {
  for (size_t i = 0; i < count; i++) hash = (hash ^ bytes[i]) * 0x100000001b3ull;
  return hash;
}

#endif
