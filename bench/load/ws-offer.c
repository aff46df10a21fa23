/*
 * Offers stamped messages to a room at a steady rate, over some WebSocket connections in turn, and reads what comes
 * back. Options: --port, --tls, those of ws.h, --connections, --rate (messages/s of all together), --bytes (of a message),
 * --template (what is sent; {message} and {id} stand in it), --ready TEXT (a connection may send once it got a message
 * with it), --accepted TEXT and --refused TEXT (what answers to count hold). "offering" on stderr says that all may
 * send; at SIGTERM one JSON line tells what was sent and answered.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <openssl/ssl.h>
#endif

#include "ws.h"

#define MESSAGE_BYTES_MAX 2048
#define EVENTS 64

struct sender {
  int fd;
#ifdef WITH_TLS
  SSL *tls;
#endif
  bool ready;
  uint64_t sequence;
  struct ws_reader reader;
};

static struct sender senders[SIGNAL_SENDERS_MAX];
static int sender_count, ready_count, epoll;
static struct ws_hellos hellos;
static const char *template, *ready_text, *accepted_text, *refused_text;
static size_t message_bytes;
static uint64_t sent, accepted, refused, late_ns_max;
static volatile sig_atomic_t stopping;

static void stop(int number) {
  (void)number;
  stopping = 1;
}

/* The requests are small and the sockets blocking: what cannot be written whole ends the run. */
static bool send_all(struct sender *sender, const void *bytes, size_t count) {
#ifdef WITH_TLS
  if (sender->tls != NULL) return SSL_write(sender->tls, bytes, (int)count) == (int)count;
#endif
  return send(sender->fd, bytes, count, MSG_NOSIGNAL) == (ssize_t)count;
}

/* With TLS the rest of a record is waited for, which is on its way. */
static ssize_t receive(struct sender *sender, void *buffer, size_t room) {
#ifdef WITH_TLS
  if (sender->tls != NULL) return SSL_read(sender->tls, buffer, (int)room);
#endif
  return recv(sender->fd, buffer, room, MSG_DONTWAIT);
}

static bool has_more(struct sender *sender) {
#ifdef WITH_TLS
  return sender->tls != NULL && SSL_pending(sender->tls) > 0;
#else
  (void)sender;
  return false;
#endif
}

static void secure(struct sender *sender) {
#ifdef WITH_TLS
  static SSL_CTX *context;
  if (context == NULL) context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  sender->tls = SSL_new(context);
  SSL_set_fd(sender->tls, sender->fd);
  if (SSL_connect(sender->tls) != 1) fail("the TLS handshake failed");
#else
  (void)sender;
  fail("built without OpenSSL: install libssl-dev for --tls");
#endif
}

static bool is_over(struct sender *sender, ssize_t size) {
  if (size > 0) return false;
#ifdef WITH_TLS
  if (sender->tls != NULL) return SSL_get_error(sender->tls, (int)size) != SSL_ERROR_WANT_READ;
#else
  (void)sender;
#endif
  return size == 0 || (errno != EAGAIN && errno != EINTR);
}

static bool say(struct sender *sender, int opcode, const void *payload, size_t size) {
  uint8_t frame[65536 + 8];
  if (size > 65535) fail("a message is too long");
  return send_all(sender, frame, ws_frame(frame, opcode, payload, size));
}

static bool holds(struct ws_message message, const char *text) {
  return *text != '\0' && memmem(message.payload, message.size, text, strlen(text)) != NULL;
}

static void get_ready(struct sender *sender) {
  if (sender->ready) return;
  sender->ready = true;
  ready_count++;
}

static bool opened(struct sender *sender) {
  if (*ready_text == '\0') get_ready(sender);
  if (hellos.count == 0) return true;
  const char *hello = hellos.lines[(size_t)(sender - senders) % hellos.count];
  return say(sender, WS_TEXT, hello, strlen(hello));
}

static bool take(void *owner, struct ws_message message, uint64_t now_ns) {
  struct sender *sender = owner;
  (void)now_ns;
  if (message.payload == NULL) return opened(sender);
  if (message.opcode == WS_PING) return say(sender, WS_PONG, message.payload, message.size);
  if (message.opcode != WS_TEXT) return true;
  /* Engine.IO: 0 opens, 2 is a ping. */
  if (message.size > 1 && message.payload[0] == '0' && message.payload[1] == '{') return say(sender, WS_TEXT, "40", 2);
  if (message.size == 1 && message.payload[0] == '2') return say(sender, WS_TEXT, "3", 1);
  if (!sender->ready && holds(message, ready_text)) get_ready(sender);
  if (holds(message, accepted_text)) accepted++;
  else if (holds(message, refused_text)) {
    if (refused++ == 0) fprintf(stderr, "refused: %.*s\n", (int)message.size, message.payload);
  }
  return true;
}

static void connect_sender(struct sender *sender, struct sockaddr_in *address, struct options options) {
  char request[2048];
  int on = 1;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = sender};
  sender->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(sender->fd, (struct sockaddr *)address, sizeof *address) != 0) fail("connect: %s", strerror(errno));
  setsockopt(sender->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  epoll_ctl(epoll, EPOLL_CTL_ADD, sender->fd, &event);
  if (option_flag(options, "tls")) secure(sender);
  if (!send_all(sender, request, ws_request(request, sizeof request, options))) fail("the handshake was not sent");
}

static void poll_once(uint64_t wait_ns) {
  static uint8_t buffer[256 * 1024];
  struct epoll_event events[EVENTS];
  struct timespec wait = {(time_t)(wait_ns / 1000000000ull), (long)(wait_ns % 1000000000ull)};
  int count = epoll_pwait2(epoll, events, EVENTS, &wait, NULL);
  for (int i = 0; i < count; i++) {
    struct sender *sender = events[i].data.ptr;
    do {
      ssize_t size = receive(sender, buffer, sizeof buffer);
      if (size > 0 && ws_read(&sender->reader, buffer, (size_t)size, take, sender, 0)) continue;
      if (size > 0 || is_over(sender, size)) fail("the server closed a sender");
    } while (has_more(sender));
  }
}

/* Copies the template with what stands for the message and its id. */
static size_t fill(char *out, struct sender *sender, uint64_t now_ns) {
  char message[MESSAGE_BYTES_MAX];
  char *end = out;
  memset(message, 'x', message_bytes);
  signal_stamp_write((uint8_t *)message, (struct signal_stamp){(uint64_t)(sender - senders), sender->sequence, now_ns});
  for (const char *at = template; *at != '\0';) {
    if (strncmp(at, "{message}", 9) == 0) {
      memcpy(end, message, message_bytes);
      end += message_bytes;
      at += 9;
    } else if (strncmp(at, "{id}", 4) == 0) {
      end += sprintf(end, "%d-%lu", (int)(sender - senders), sender->sequence);
      at += 4;
    } else {
      *end++ = *at++;
    }
  }
  return (size_t)(end - out);
}

static void offer(uint64_t due_ns) {
  char text[4 * MESSAGE_BYTES_MAX];
  struct sender *sender = &senders[sent % (uint64_t)sender_count];
  uint64_t now_ns = monotonic_ns();
  if (now_ns - due_ns > late_ns_max) late_ns_max = now_ns - due_ns;
  if (!say(sender, WS_TEXT, text, fill(text, sender, now_ns))) fail("a message was not sent");
  sender->sequence++;
  sent++;
}

static void read_options(struct options options) {
  sender_count = (int)option_number(options, "connections", "1");
  if (sender_count < 1 || sender_count > SIGNAL_SENDERS_MAX) fail("--connections takes 1 to %d", SIGNAL_SENDERS_MAX);
  message_bytes = (size_t)option_number(options, "bytes", "100");
  if (message_bytes < SIGNAL_STAMP_BYTES || message_bytes > MESSAGE_BYTES_MAX) fail("--bytes does not fit");
  template = option_text(options, "template", "{message}");
  if (strlen(template) > MESSAGE_BYTES_MAX) fail("--template is too long");
  ready_text = option_text(options, "ready", "");
  accepted_text = option_text(options, "accepted", "");
  refused_text = option_text(options, "refused", "");
  hellos = ws_hellos(options);
}

int main(int count, char **values) {
  struct options options = {count, values};
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sigaction action = {.sa_handler = stop};
  sigaction(SIGTERM, &action, NULL);
  read_options(options);
  address.sin_port = htons((uint16_t)option_number(options, "port", NULL));
  double interval_ns = 1e9 / option_number(options, "rate", "10");
  epoll = epoll_create1(0);
  for (int i = 0; i < sender_count; i++) connect_sender(&senders[i], &address, options);
  while (ready_count < sender_count && !stopping) poll_once(100000000);
  fputs("offering\n", stderr);
  uint64_t start_ns = monotonic_ns();
  while (!stopping) {
    uint64_t due_ns = start_ns + (uint64_t)((double)sent * interval_ns);
    uint64_t now_ns = monotonic_ns();
    if (now_ns >= due_ns) offer(due_ns);
    else poll_once(due_ns - now_ns);
    if (sent % 64 == 0) poll_once(0);
  }
  printf("{\"sent\":%lu,\"accepted\":%lu,\"refused\":%lu,\"lateMsMax\":%.1f}\n", sent, accepted, refused,
         (double)late_ns_max / 1e6);
  return 0;
}
