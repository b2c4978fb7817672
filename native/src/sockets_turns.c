/*
 * Turns of the event loop for the set of sockets. The set's descriptor is itself polled by the loop
 * (epoll(7): an epoll descriptor is readable when events are waiting), so that timers, files and
 * other sockets have their turns between.
 *
 * But who sends to one of the sockets then wakes two epoll sets, one inside the other, and a client
 * on the same machine pays for both. So while every turn finds events, the loop does not watch the
 * descriptor: it polls everything else without waiting, and then asks the set. The first turn that
 * finds nothing watches again, and the loop sleeps. To change costs some system calls: if a busy
 * time was short, the next one begins after more turns.
 */
#include "sockets.h"

#define BUSY_AFTER_MIN 1u
#define BUSY_AFTER_MAX 1024u
/* A busy time of fewer turns was not worth it. */
#define BUSY_TURNS_MIN 3u

static void call_back(struct sockets *sockets) {
  napi_env env = sockets->env;
  napi_handle_scope scope;
  if (sockets->callback == NULL || napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value callback = NULL, global = NULL;
  if (napi_get_reference_value(env, sockets->callback, &callback) == napi_ok && callback != NULL &&
      napi_get_global(env, &global) == napi_ok &&
      napi_make_callback(env, NULL, global, callback, 0, NULL, NULL) == napi_pending_exception) {
    napi_value error = NULL;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok)
      napi_fatal_exception(env, error);
  }
  napi_close_handle_scope(env, scope);
}

static void on_ready(uv_poll_t *poll, int status, int events);
static void on_check(uv_check_t *check);

/* An idle handle lets the loop poll without waiting. */
static void on_idle(uv_idle_t *idle) { (void)idle; }

static int set_polling(struct sockets *sockets, enum polling polling) {
  if (sockets->polling == polling) return 0;
  if (sockets->polling == POLLING_BUSY) {
    scan_end(sockets);
    uv_check_stop(&sockets->check);
    uv_idle_stop(&sockets->idle);
  } else if (sockets->polling == POLLING_WAITS) {
    uv_poll_stop(&sockets->poll);
  }
  sockets->polling = POLLING_OFF;
  sockets->turns = 0;
  if (polling == POLLING_WAITS) {
    int failed = uv_poll_start(&sockets->poll, UV_READABLE, on_ready);
    if (failed != 0) return failed;
  } else if (polling == POLLING_BUSY) {
    uv_check_start(&sockets->check, on_check);
    uv_idle_start(&sockets->idle, on_idle);
    sockets->begins = true;
  }
  sockets->polling = polling;
  return 0;
}

static void on_ready(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  struct sockets *sockets = poll->data;
  sockets->found = 0;
  call_back(sockets);
  if (sockets->polling == POLLING_WAITS && sockets->turns >= sockets->busy_after)
    set_polling(sockets, POLLING_BUSY);
}

static void on_check(uv_check_t *check) {
  struct sockets *sockets = check->data;
  if (sockets->begins) {
    /* Still the turn that began it: clients have had no time. */
    sockets->begins = false;
    return;
  }
  if (scan_goes_on(sockets)) {
    if (scan_ask(sockets)) call_back(sockets);
    return;
  }
  sockets->found = sockets_ask(sockets);
  if (sockets->found > 0) {
    call_back(sockets);
    return;
  }
  if (sockets->turns >= BUSY_TURNS_MIN) sockets->busy_after = BUSY_AFTER_MIN;
  else if (sockets->busy_after < BUSY_AFTER_MAX) sockets->busy_after *= 2;
  /* Else it stays busy, and tries again in the next turn. */
  if (set_polling(sockets, POLLING_WAITS) != 0) set_polling(sockets, POLLING_BUSY);
}

bool turns_open(struct sockets *sockets, uv_loop_t *loop) {
  if (uv_poll_init(loop, &sockets->poll, sockets->epoll) != 0) return false;
  /* These two cannot fail. */
  uv_check_init(loop, &sockets->check);
  uv_idle_init(loop, &sockets->idle);
  sockets->poll.data = sockets->check.data = sockets->idle.data = sockets;
  sockets->handles = 3;
  sockets->busy_after = BUSY_AFTER_MIN;
  return true;
}

int turns_want(struct sockets *sockets, bool wanted) {
  if (!wanted) return set_polling(sockets, POLLING_OFF);
  return sockets->polling == POLLING_OFF ? set_polling(sockets, POLLING_WAITS) : 0;
}

static void on_close(uv_handle_t *handle) {
  struct sockets *sockets = handle->data;
  if (--sockets->handles == 0) sockets->after_close(sockets);
}

void turns_close(struct sockets *sockets, void (*after)(struct sockets *)) {
  sockets->after_close = after;
  set_polling(sockets, POLLING_OFF);
  uv_close((uv_handle_t *)&sockets->poll, on_close);
  uv_close((uv_handle_t *)&sockets->check, on_close);
  uv_close((uv_handle_t *)&sockets->idle, on_close);
}
