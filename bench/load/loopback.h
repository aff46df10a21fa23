/* Clients of many addresses on one machine. */
#ifndef BENCH_LOOPBACK_H
#define BENCH_LOOPBACK_H

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "options.h"

/*
 * Gives a socket the nth address of loopback: ports of one address run out by thousands of connections that came and
 * went, and a server that counts by address sees a crowd rather than one visitor.
 */
static inline void loopback_bind(int fd, uint32_t nth) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + nth)};
  int on = 1;
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) fail("bind: %s", strerror(errno));
}

#endif
