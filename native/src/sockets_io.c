/*
 * Receives from many sockets and sends to many, a call each. The hazard is memory: rows come from
 * JavaScript, and every one is checked before it is used.
 */
#include "direct.h"
#include "sockets.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define ROW 4
/* A receive is not begun with less room than this. */
#define ROOM_MIN (16 * 1024)
#define SEND_BYTES_MAX 0x7ffff000u

static bool call_rows(struct call *call, size_t index, int32_t **rows, size_t *count) {
  if (!call_integers(call, index, rows, count)) return false;
  *count /= ROW;
  return true;
}

size_t received_room(const struct received *into) {
  size_t left = into->length - into->at;
  if (into->filled == into->count || left < ROOM_MIN) return 0;
  return left < into->bytes_max ? left : into->bytes_max;
}

void received_row(struct received *into, uint32_t place, bool writable, int32_t result) {
  int32_t *row = into->rows + ROW * into->filled++;
  row[0] = (int32_t)place;
  row[1] = writable;
  row[2] = (int32_t)into->at;
  row[3] = result;
  if (result > 0) into->at += (size_t)result;
}

void received_from(struct received *into, const struct slot *slot, uint32_t place, bool writable) {
  ssize_t bytes;
  do bytes = direct_recv(slot->fd, into->input + into->at, received_room(into), MSG_DONTWAIT);
  while (bytes < 0 && errno == EINTR);
  int32_t result = (int32_t)(bytes < 0 ? -errno : bytes);
  if (result != -EAGAIN || writable) received_row(into, place, writable, result);
}

/* One event into a row, if it tells of anything. */
static void take(const struct sockets *sockets, struct received *into, uint32_t place,
                 uint32_t events) {
  const struct slot *slot = &sockets->slots[place];
  bool writable = (events & EPOLLOUT) != 0;
  bool readable = (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
  if (readable && (slot->watch & WATCH_READ) == 0) {
    /* Broken while nobody reads; or nobody does since the kernel was asked. */
    bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    if (broken || writable) received_row(into, place, writable, broken ? -ECONNRESET : -EAGAIN);
  } else if (readable && slot->listens) {
    /* Connections wait. */
    received_row(into, place, false, 1);
  } else if (readable && !scan_has(sockets, slot)) received_from(into, slot, place, writable);
  else if (writable) received_row(into, place, true, -EAGAIN);
}

uint32_t sockets_ask(struct sockets *sockets) {
  int found;
  do found = epoll_wait(sockets->epoll, sockets->events, EVENTS_MAX, 0);
  while (found < 0 && errno == EINTR);
  return found < 0 ? 0 : (uint32_t)found;
}

static void take_all(struct sockets *sockets, uint32_t found, struct received *into) {
  for (uint32_t n = 0; n < found && received_room(into) > 0; n++) {
    uint64_t whose = sockets->events[n].data.u64;
    uint32_t place = (uint32_t)whose;
    if (!slot_in_use(sockets, place) ||
        sockets->slots[place].generation != (uint32_t)(whose >> 32))
      continue;
    take(sockets, into, place, sockets->events[n].events);
  }
}

/*
 * socketsReceive(input, rows, bytesMax): receives at most `bytesMax` from each socket that has
 * something, as long as there is room. Returns the number of rows filled.
 */
napi_value sockets_receive(napi_env env, napi_callback_info info) {
  struct call call;
  struct bytes input;
  int32_t *rows;
  size_t count;
  uint32_t bytes_max;
  if (!call_begin(&call, env, info, 3) || !call_bytes(&call, 0, &input) ||
      !call_rows(&call, 1, &rows, &count) || !call_u32(&call, 2, &bytes_max))
    return NULL;
  struct sockets *sockets = call_sockets(&call);
  if (sockets == NULL) return NULL;
  if (count == 0 || input.length < ROOM_MIN || input.length > 0x7fffffff || bytes_max == 0) {
    throw_range(env, "no room to receive");
    return NULL;
  }
  /* A busy turn has asked already. */
  bool asked = sockets->found != 0 || sockets->scan.on;
  uint32_t found = asked ? sockets->found : sockets_ask(sockets);
  sockets->found = 0;
  struct received into = {.input = input.data, .length = input.length, .bytes_max = bytes_max,
                          .rows = rows, .count = count};
  take_all(sockets, found, &into);
  if (sockets->scan.on) scan_receive(sockets, &into);
  if (into.filled > 0) sockets->turns++;
  return int_value(env, (int64_t)into.filled);
}

static int32_t send_some(int fd, const uint8_t *data, uint32_t length) {
  if (length > SEND_BYTES_MAX) length = SEND_BYTES_MAX;
  ssize_t bytes;
  do bytes = direct_send(fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (bytes < 0 && errno == EINTR);
  return (int32_t)(bytes < 0 ? -errno : bytes);
}

/*
 * socketsSendMany(rows, count, data): sends `data[at, +length)` for each row (slot, at, length,
 * result) and puts into it what was taken, or a negated errno. A socket that has not taken a row
 * whole is given none of its later rows. A slot that is not in use gets -EBADF.
 */
napi_value sockets_send_many(napi_env env, napi_callback_info info) {
  struct call call;
  struct bytes data;
  int32_t *rows;
  size_t room;
  uint32_t count;
  if (!call_begin(&call, env, info, 3) || !call_rows(&call, 0, &rows, &room) ||
      !call_u32(&call, 1, &count) || !call_bytes(&call, 2, &data))
    return NULL;
  struct sockets *sockets = call_sockets(&call);
  if (sockets == NULL) return NULL;
  if (count > room) {
    throw_range(env, "range outside the buffer");
    return NULL;
  }
  uint32_t this_call = ++sockets->send_call;
  for (size_t n = 0; n < count; n++) {
    int32_t *row = rows + ROW * n;
    uint32_t place = (uint32_t)row[0], at = (uint32_t)row[1], length = (uint32_t)row[2];
    if ((uint64_t)at + length > data.length) {
      throw_range(env, "range outside the buffer");
      return NULL;
    }
    row[3] = -EBADF;
    if (!slot_in_use(sockets, place)) continue;
    struct slot *slot = &sockets->slots[place];
    row[3] = -EAGAIN;
    if (slot->full_in == this_call) continue;
    row[3] = send_some(slot->fd, data.data + at, length);
    if (row[3] != (int32_t)length) slot->full_in = this_call;
  }
  return NULL;
}

/* socketsSend(slot, data, at, length): bytes taken, or a negated errno. */
napi_value sockets_send(napi_env env, napi_callback_info info) {
  struct call call;
  struct bytes data;
  uint32_t place, at, length;
  if (!call_begin(&call, env, info, 4)) return NULL;
  struct sockets *sockets = call_sockets(&call);
  if (sockets == NULL) return NULL;
  struct slot *slot = call_slot(&call, 0, sockets, &place);
  if (slot == NULL || !call_bytes(&call, 1, &data) || !call_u32(&call, 2, &at) ||
      !call_u32(&call, 3, &length))
    return NULL;
  if ((uint64_t)at + length > data.length) {
    throw_range(env, "range outside the buffer");
    return NULL;
  }
  return int_value(env, send_some(slot->fd, data.data + at, length));
}
