/*
 * Sockets that listen: connections enter the set without a handle of the event loop, and as many in
 * a turn as the caller asks for. The hazard is a descriptor that nobody closes: every path that
 * does not put it into a slot closes it.
 */
#define _GNU_SOURCE
#include "sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* "[", an address, "]:", a port, and what ends the string. */
#define NAME_BYTES (INET6_ADDRSTRLEN + 9)

static int64_t put_listener(struct sockets *sockets, int original) {
  int listens = 0, type = 0;
  socklen_t size = sizeof listens;
  if (getsockopt(original, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0) return -errno;
  size = sizeof type;
  if (getsockopt(original, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return -errno;
  if (listens == 0 || type != SOCK_STREAM) return -EINVAL;
  int fd = fcntl(original, F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int64_t place = sockets_put(sockets, fd);
  if (place < 0) close(fd);
  else sockets->slots[place].listens = true;
  return place;
}

/*
 * socketsListen(fd): a slot for a duplicate of this listening stream socket, or a negated errno;
 * the caller's descriptor stays the caller's. Not watched yet; a row of socketsReceive with a
 * result of 1 tells that connections wait.
 */
napi_value sockets_listen(napi_env env, napi_callback_info info) {
  struct call call;
  int fd = -1;
  if (!call_begin(&call, env, info, 1) || !call_descriptor(&call, 0, &fd)) return NULL;
  struct sockets *sockets = call_sockets(&call);
  if (sockets == NULL) return NULL;
  return int_value(env, put_listener(sockets, fd));
}

static void set_option(int fd, int level, int name, int value) {
  /* A connection without the option works, too; unix sockets have none of these. */
  (void)setsockopt(fd, level, name, &value, sizeof value);
}

/* As Redis does (anetKeepAlive): three questions, the peer is lost after twice the time. */
static void set_options(int fd, uint32_t seconds) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (seconds == 0 || seconds > 0x7fff) return;
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int)seconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds < 3 ? 1 : (int)seconds / 3);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

/* accept(2): the connection may have an error of its own, which is none of the listener's. */
static bool is_of_connection(int error) {
  switch (error) {
  case EINTR:
  case ECONNABORTED:
  case EPROTO:
  case ENETDOWN:
  case ENOPROTOOPT:
  case EHOSTDOWN:
  case ENONET:
  case EHOSTUNREACH:
  case EOPNOTSUPP:
  case ENETUNREACH:
    return true;
  default:
    return false;
  }
}

/*
 * socketsAccept(slot, keepAliveSeconds): a slot for the next connection of a listening socket, or a
 * negated errno; -EAGAIN: none waits; -ECONNABORTED: one was lost, others may wait. Nothing is
 * watched yet.
 */
napi_value sockets_accept(napi_env env, napi_callback_info info) {
  struct call call;
  uint32_t place, seconds;
  if (!call_begin(&call, env, info, 2)) return NULL;
  struct sockets *sockets = call_sockets(&call);
  if (sockets == NULL) return NULL;
  struct slot *slot = call_slot(&call, 0, sockets, &place);
  if (slot == NULL || !call_u32(&call, 1, &seconds)) return NULL;
  if (!slot->listens) return int_value(env, -EINVAL);
  int fd = accept4(slot->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return int_value(env, is_of_connection(errno) ? -ECONNABORTED : -errno);
  set_options(fd, seconds);
  int64_t accepted = sockets_put(sockets, fd);
  if (accepted < 0) close(fd);
  return int_value(env, accepted);
}

/* "1.2.3.4:5" or "[::1]:5"; what is neither has no name. */
static size_t name_of(const struct sockaddr_storage *address, char *name) {
  char host[INET6_ADDRSTRLEN];
  int length = 0;
  if (address->ss_family == AF_INET) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)address;
    if (inet_ntop(AF_INET, &in->sin_addr, host, sizeof host) != NULL)
      length = snprintf(name, NAME_BYTES, "%s:%u", host, ntohs(in->sin_port));
  } else if (address->ss_family == AF_INET6) {
    const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)address;
    if (inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof host) != NULL)
      length = snprintf(name, NAME_BYTES, "[%s]:%u", host, ntohs(in->sin6_port));
  }
  return length > 0 && length < NAME_BYTES ? (size_t)length : 0;
}

/*
 * socketsNames(slot): "ADDRESS:PORT" of the peer, a space, and that of this end. A part that is not
 * known is empty.
 */
napi_value sockets_names(napi_env env, napi_callback_info info) {
  struct call call;
  uint32_t place;
  if (!call_begin(&call, env, info, 1)) return NULL;
  struct sockets *sockets = call_sockets(&call);
  if (sockets == NULL) return NULL;
  struct slot *slot = call_slot(&call, 0, sockets, &place);
  if (slot == NULL) return NULL;
  char names[2 * NAME_BYTES];
  size_t length = 0;
  struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
  socklen_t size = sizeof address;
  if (getpeername(slot->fd, (struct sockaddr *)&address, &size) == 0)
    length = name_of(&address, names);
  names[length++] = ' ';
  address.ss_family = AF_UNSPEC;
  size = sizeof address;
  if (getsockname(slot->fd, (struct sockaddr *)&address, &size) == 0)
    length += name_of(&address, names + length);
  napi_value result = NULL;
  if (napi_create_string_latin1(env, names, length, &result) != napi_ok) {
    throw_plain(env, "out of memory");
    return NULL;
  }
  return result;
}
