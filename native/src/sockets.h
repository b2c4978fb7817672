/*
 * The set of sockets of one environment: sockets.c keeps it, sockets_io.c moves bytes,
 * sockets_listen.c accepts connections, sockets_turns.c gives it turns of the event loop.
 */
#ifndef STRONGROOM_SOCKETS_H
#define STRONGROOM_SOCKETS_H

#include "addon.h"

#include <sys/epoll.h>
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
  bool listens; /* Readable: connections wait. */
};

/* A turn handles so many events at most. */
#define EVENTS_MAX 256

/* How the event loop comes to the set. */
enum polling {
  POLLING_OFF,
  POLLING_WAITS, /* It is woken by the set's descriptor. */
  POLLING_BUSY,  /* It does not sleep, and asks the set in each turn. */
};

struct sockets {
  uv_poll_t poll;
  uv_check_t check;
  uv_idle_t idle;
  uint32_t handles; /* Of these, not closed. */
  void (*after_close)(struct sockets *);
  enum polling polling;
  uint32_t turns;      /* With events, since `polling` changed. */
  uint32_t busy_after; /* So many turns begin POLLING_BUSY. */
  uint32_t found; /* Events of this turn that stand in `events` and were not received yet. */
  struct epoll_event events[EVENTS_MAX];
  napi_env env;
  napi_ref callback;
  napi_async_cleanup_hook_handle hook;
  int epoll;
  struct slot *slots;
  uint32_t slot_count;
  uint32_t first_free; /* slot_count: none */
  uint32_t used;
  uint32_t send_call;
};

/* The open set of this environment, or NULL with an Error pending. */
struct sockets *call_sockets(struct call *call);
bool slot_in_use(const struct sockets *sockets, uint32_t place);
/* The slot that argument `index` names, or NULL with a RangeError pending. */
struct slot *call_slot(struct call *call, size_t index, struct sockets *sockets, uint32_t *place);

/* A slot for this socket, which is the set's from now on, or a negated errno. Not watched yet. */
int64_t sockets_put(struct sockets *sockets, int fd);

/* Asks the kernel for events, at most EVENTS_MAX, without waiting: how many stand in `events`. */
uint32_t sockets_ask(struct sockets *sockets);

/* Handles of the environment's loop. False: nothing was made. */
bool turns_open(struct sockets *sockets, uv_loop_t *loop);
/* The loop stays alive, and polls, only while this is wanted. 0 or libuv's error. */
int turns_want(struct sockets *sockets, bool wanted);
/* No callback comes any more; `after` frees the set when the loop has let go of all handles. */
void turns_close(struct sockets *sockets, void (*after)(struct sockets *));

#endif
