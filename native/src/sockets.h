/*
 * The set of sockets of one environment: sockets.c keeps it, sockets_io.c moves bytes.
 */
#ifndef STRONGROOM_SOCKETS_H
#define STRONGROOM_SOCKETS_H

#include "addon.h"

#include <uv.h>

/* What a caller wants to be told of. Errors and a complete close are always told. */
#define WATCH_READ 1u
#define WATCH_WRITE 2u

struct slot {
  int fd; /* -1: free */
  uint32_t generation;
  uint32_t watch;
  /* The call of sendMany in which this socket took less than it was given. */
  uint32_t full_in;
  uint32_t next_free;
};

struct sockets {
  uv_poll_t poll;
  napi_env env;
  napi_ref callback;
  napi_async_cleanup_hook_handle hook;
  int epoll;
  struct slot *slots;
  uint32_t slot_count;
  uint32_t first_free; /* slot_count: none */
  uint32_t used;
  uint32_t send_call;
  bool polling;
};

/* The open set of this environment, or NULL with an Error pending. */
struct sockets *call_sockets(struct call *call);
bool slot_in_use(const struct sockets *sockets, uint32_t place);
/* The slot that argument `index` names, or NULL with a RangeError pending. */
struct slot *call_slot(struct call *call, size_t index, struct sockets *sockets, uint32_t *place);

#endif
