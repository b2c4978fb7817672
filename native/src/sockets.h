/*
 * The set of sockets of one environment: sockets.c keeps it, sockets_io.c moves bytes,
 * sockets_listen.c accepts connections, sockets_turns.c gives it turns of the event loop, in some
 * of which sockets_scan.c looks for what has arrived.
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
  bool stands;  /* In the epoll set. */
};

/* A turn handles so many events at most. */
#define EVENTS_MAX 256

/* How the event loop comes to the set. */
enum polling {
  POLLING_OFF,
  POLLING_WAITS, /* It is woken by the set's descriptor. */
  POLLING_BUSY,  /* It does not sleep, and asks the set in each turn. */
};

/* Turns that look at the sockets themselves. */
struct scan {
  bool on;
  bool worth;           /* The last judgement of this time. */
  uint32_t next;        /* The place that is looked at first. */
  int error;            /* What the socket there has told, which it does once; 0: nothing. */
  uint32_t busy, after; /* Busy turns since it ended, and how many begin it anew. */
  uint32_t turns, found; /* Since the last judgement. */
  uint32_t empty;        /* Turns in a row that found nothing. */
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
  bool begins;         /* It began in this very turn. */
  struct scan scan;
  uint32_t found; /* Events of this turn that stand in `events` and were not received yet. */
  struct epoll_event events[EVENTS_MAX];
  napi_env env;
  napi_ref callback;
  napi_async_cleanup_hook_handle hook;
  int epoll;
  struct slot *slots;
  uint32_t slot_count;
  uint32_t top; /* Every slot from here on is free. */
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
/*
 * Tells the kernel what to watch of a slot. One that is only read, by a scan, does not stand in
 * the set: a sender would pay for it there. 0 or a negated errno, and all is as it was.
 */
int sockets_tell(struct sockets *sockets, uint32_t place);

/* Asks the kernel for events, at most EVENTS_MAX, without waiting: how many stand in `events`. */
uint32_t sockets_ask(struct sockets *sockets);

/* Rows of four integers, and the bytes of which they tell. */
struct received {
  uint8_t *input;
  size_t length, at, bytes_max;
  int32_t *rows;
  size_t count, filled;
};

/* How much may be received from the next socket; 0: no room is left. */
size_t received_room(const struct received *into);
/* A row: slot, writable, where the bytes stand, how many; 0: end; below: -errno. */
void received_row(struct received *into, uint32_t place, bool writable, int32_t result);
/* Receives from a socket, into a row if there was something or it is writable. */
void received_from(struct received *into, const struct slot *slot, uint32_t place, bool writable);

/* At the beginning of a busy turn: whether it looks at the sockets itself. */
bool scan_goes_on(struct sockets *sockets);
/* True: there is something; scan_receive takes what has arrived, `events` tell of the rest. */
bool scan_ask(struct sockets *sockets);
void scan_receive(struct sockets *sockets, struct received *into);
/* The kernel watches again. */
void scan_end(struct sockets *sockets);
/* Whether a scan looks at the socket of this slot. */
bool scan_has(const struct sockets *sockets, const struct slot *slot);

/* Handles of the environment's loop. False: nothing was made. */
bool turns_open(struct sockets *sockets, uv_loop_t *loop);
/* The loop stays alive, and polls, only while this is wanted. 0 or libuv's error. */
int turns_want(struct sockets *sockets, bool wanted);
/* No callback comes any more; `after` frees the set when the loop has let go of all handles. */
void turns_close(struct sockets *sockets, void (*after)(struct sockets *));

#endif
