/*
 * Many client sockets at a time: one call receives from all that are readable, one sends to many.
 * Sockets are named by slots, never by descriptors, and a slot carries a generation in its epoll
 * event: what the kernel reported for a closed socket is not taken for its successor.
 *
 * The sockets stand in an epoll set of their own. Events are level-triggered: what one call does
 * not take, the next one reports.
 */
#include "sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLOTS_MAX (1u << 20)

/* The open set of this environment, or NULL with an Error pending. */
struct sockets *call_sockets(struct call *call) {
  struct sockets *sockets = call->state->sockets;
  if (sockets == NULL) throw_plain(call->env, "sockets are not open");
  return sockets;
}

bool slot_in_use(const struct sockets *sockets, uint32_t place) {
  return place < sockets->slot_count && sockets->slots[place].fd >= 0;
}

struct slot *call_slot(struct call *call, size_t index, struct sockets *sockets, uint32_t *place) {
  if (!call_u32(call, index, place)) return NULL;
  if (!slot_in_use(sockets, *place)) {
    throw_range(call->env, "no such socket");
    return NULL;
  }
  return &sockets->slots[*place];
}

static void after_close(struct sockets *sockets) {
  napi_async_cleanup_hook_handle hook = sockets->hook;
  free(sockets->slots);
  free(sockets);
  if (hook != NULL) napi_remove_async_cleanup_hook(hook);
}

/* The environment ends: nothing of JavaScript may run any more. */
static void tear_down(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  struct state *state = data;
  struct sockets *sockets = state->sockets;
  state->sockets = NULL;
  sockets->callback = NULL; /* The environment frees it. */
  for (uint32_t place = 0; place < sockets->slot_count; place++) {
    if (sockets->slots[place].fd >= 0) close(sockets->slots[place].fd);
    sockets->slots[place].fd = -1;
  }
  turns_close(sockets, after_close);
  close(sockets->epoll);
}

static bool open_set(struct call *call, struct sockets *sockets) {
  uv_loop_t *loop = NULL;
  sockets->env = call->env;
  if (napi_get_uv_event_loop(call->env, &loop) != napi_ok)
    return throw_plain(call->env, "there is no event loop");
  sockets->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (sockets->epoll < 0) return throw_plain(call->env, "epoll_create1 failed");
  if (napi_create_reference(call->env, call->argv[0], 1, &sockets->callback) != napi_ok) {
    close(sockets->epoll);
    return throw_plain(call->env, "the callback cannot be kept");
  }
  if (!turns_open(sockets, loop)) {
    napi_delete_reference(call->env, sockets->callback);
    close(sockets->epoll);
    return throw_plain(call->env, "the event loop does not poll this");
  }
  return true;
}

/*
 * socketsOpen(callback): once an environment. The callback runs in a turn of the event loop when
 * socketsReceive has something to tell.
 */
napi_value sockets_open(napi_env env, napi_callback_info info) {
  struct call call;
  napi_valuetype type;
  if (!call_begin(&call, env, info, 1)) return NULL;
  if (napi_typeof(env, call.argv[0], &type) != napi_ok || type != napi_function) {
    throw_type(env, "a function is needed");
    return NULL;
  }
  if (call.state->sockets != NULL) {
    throw_plain(env, "sockets are open already");
    return NULL;
  }
  struct sockets *sockets = calloc(1, sizeof *sockets);
  if (sockets == NULL) {
    throw_plain(env, "out of memory");
    return NULL;
  }
  if (!open_set(&call, sockets)) {
    free(sockets);
    return NULL;
  }
  call.state->sockets = sockets;
  /* Without the hook the process would end with the poll handle open, which only a worker minds. */
  if (napi_add_async_cleanup_hook(env, tear_down, call.state, &sockets->hook) != napi_ok)
    sockets->hook = NULL;
  return NULL;
}

static bool grow(struct sockets *sockets) {
  uint32_t count = sockets->slot_count == 0 ? 64 : sockets->slot_count * 2;
  if (count > SLOTS_MAX) return false;
  struct slot *slots = realloc(sockets->slots, count * sizeof *slots);
  if (slots == NULL) return false;
  for (uint32_t place = sockets->slot_count; place < count; place++)
    slots[place] = (struct slot){.fd = -1, .next_free = place + 1};
  sockets->first_free = sockets->slot_count;
  sockets->slots = slots;
  sockets->slot_count = count;
  return true;
}

int sockets_tell(struct sockets *sockets, uint32_t place) {
  struct slot *slot = &sockets->slots[place];
  bool scanned = scan_has(sockets, slot), stands = !scanned || (slot->watch & WATCH_WRITE) != 0;
  if (!stands && !slot->stands) return 0;
  uint32_t events = 0;
  if ((slot->watch & WATCH_READ) != 0 && !scanned) events |= EPOLLIN;
  if ((slot->watch & WATCH_WRITE) != 0) events |= EPOLLOUT;
  struct epoll_event event = {.events = events,
                              .data.u64 = (uint64_t)slot->generation << 32 | place};
  int operation = !stands ? EPOLL_CTL_DEL : slot->stands ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (epoll_ctl(sockets->epoll, operation, slot->fd, &event) != 0) return -errno;
  slot->stands = stands;
  return 0;
}

static int set_watch(struct sockets *sockets, uint32_t place, uint32_t watch) {
  struct slot *slot = &sockets->slots[place];
  uint32_t before = slot->watch;
  slot->watch = watch;
  int failed = sockets_tell(sockets, place);
  if (failed != 0) slot->watch = before;
  return failed;
}

int64_t sockets_put(struct sockets *sockets, int fd) {
  if (sockets->first_free == sockets->slot_count && !grow(sockets)) return -ENOMEM;
  uint32_t place = sockets->first_free;
  struct slot *slot = &sockets->slots[place];
  slot->fd = fd;
  slot->listens = slot->stands = false;
  int failed = set_watch(sockets, place, 0);
  if (failed == 0) failed = turns_want(sockets, true);
  if (failed != 0) {
    slot->fd = -1;
    return failed;
  }
  sockets->first_free = slot->next_free;
  sockets->used++;
  if (place >= sockets->top) sockets->top = place + 1;
  return place;
}

/* socketsWatch(slot, what): 0 or a negated errno. */
napi_value sockets_watch(napi_env env, napi_callback_info info) {
  struct call call;
  uint32_t place, watch;
  if (!call_begin(&call, env, info, 2)) return NULL;
  struct sockets *sockets = call_sockets(&call);
  if (sockets == NULL || call_slot(&call, 0, sockets, &place) == NULL ||
      !call_u32(&call, 1, &watch))
    return NULL;
  if (watch > (WATCH_READ | WATCH_WRITE)) {
    throw_range(env, "nothing that can be watched");
    return NULL;
  }
  return int_value(env, set_watch(sockets, place, watch));
}

/* socketsClose(slot, orderly): closes; `orderly` ends the stream after what was sent. */
napi_value sockets_close(napi_env env, napi_callback_info info) {
  struct call call;
  uint32_t place, orderly;
  if (!call_begin(&call, env, info, 2)) return NULL;
  struct sockets *sockets = call_sockets(&call);
  if (sockets == NULL) return NULL;
  struct slot *slot = call_slot(&call, 0, sockets, &place);
  if (slot == NULL || !call_u32(&call, 1, &orderly)) return NULL;
  if (slot->stands) epoll_ctl(sockets->epoll, EPOLL_CTL_DEL, slot->fd, NULL);
  if (orderly != 0) shutdown(slot->fd, SHUT_WR);
  close(slot->fd);
  slot->fd = -1;
  slot->generation++;
  slot->next_free = sockets->first_free;
  sockets->first_free = place;
  while (sockets->top > 0 && sockets->slots[sockets->top - 1].fd < 0) sockets->top--;
  if (--sockets->used == 0) turns_want(sockets, false);
  return NULL;
}

/* socketsDescriptor(slot): its descriptor, to be shown. */
napi_value sockets_descriptor(napi_env env, napi_callback_info info) {
  struct call call;
  uint32_t place;
  if (!call_begin(&call, env, info, 1)) return NULL;
  struct sockets *sockets = call_sockets(&call);
  if (sockets == NULL) return NULL;
  struct slot *slot = call_slot(&call, 0, sockets, &place);
  return slot == NULL ? NULL : int_value(env, slot->fd);
}
