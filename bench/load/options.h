/* Command line options as `--name value` pairs (a bare `--name` is a flag), and the fatal exit. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

__attribute__((noreturn, format(printf, 1, 2))) static inline void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("error: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(1);
}

struct options {
  int count;
  char **values;
};

static inline bool option_flag(struct options options, const char *name) {
  for (int i = 1; i < options.count; i++) {
    if (strncmp(options.values[i], "--", 2) == 0 && strcmp(options.values[i] + 2, name) == 0) return true;
  }
  return false;
}

static inline const char *option_text(struct options options, const char *name, const char *otherwise) {
  for (int i = 1; i + 1 < options.count; i++) {
    if (strncmp(options.values[i], "--", 2) == 0 && strcmp(options.values[i] + 2, name) == 0) {
      return options.values[i + 1];
    }
  }
  if (otherwise == NULL) fail("--%s is missing", name);
  return otherwise;
}

static inline double option_number(struct options options, const char *name, const char *otherwise) {
  const char *text = option_text(options, name, otherwise);
  char *end;
  double number = strtod(text, &end);
  if (end == text || *end != '\0') fail("--%s is not a number: %s", name, text);
  return number;
}

/* Every viewer is a descriptor, so the soft limit goes up to the hard one. */
static inline void raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/* User and system time of this process, in nanoseconds. */
static inline unsigned long long own_cpu_ns(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  unsigned long long seconds = (unsigned long long)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
  unsigned long long micros = (unsigned long long)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  return seconds * 1000000000ull + micros * 1000ull;
}

#endif
