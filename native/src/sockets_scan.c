/*
 * Busy turns that look at the sockets themselves. Whatever arrives at a socket of an epoll set goes
 * through the set: its sender, on the same machine the client, takes the set's lock and writes into
 * its lists, which this thread has written a moment before. So while turns are busy and the sockets
 * few, those that are read leave the set, and each turn receives from all.
 *
 * That pays while enough of them have something. It ends when turns find nothing or little; if it
 * did not last, it is tried again after twice as many busy turns.
 */
#include "direct.h"
#include "sockets.h"

#include <errno.h>

#define SLOTS_SCANNED_MAX 256u
#define AFTER_MIN 8u
#define AFTER_MAX 4096u
/* So many turns in a row that found nothing end it. */
#define EMPTY_MAX 4u
/* After so many turns it is judged: one of so many sockets must have had something in each. */
#define WINDOW 64u
#define SOCKETS_FOR_ONE 16u
/* Listeners, room to send and broken connections are still asked for, in one of so many turns. */
#define ASK_EVERY 8u

/* A connection from which somebody wants to read. */
static bool is_read(const struct slot *slot) {
  return slot->fd >= 0 && !slot->listens && (slot->watch & WATCH_READ) != 0;
}

bool scan_has(const struct sockets *sockets, const struct slot *slot) {
  return sockets->scan.on && is_read(slot);
}

/* False: the kernel was not told of all. */
static bool tell_all(struct sockets *sockets) {
  bool told = true;
  for (uint32_t place = 0; place < sockets->top; place++)
    if (is_read(&sockets->slots[place]) && sockets_tell(sockets, place) != 0)
      told = false;
  return told;
}

static void begin_window(struct scan *scan) { scan->turns = scan->found = 0; }

static void begin(struct sockets *sockets) {
  struct scan *scan = &sockets->scan;
  scan->on = true;
  scan->worth = false;
  scan->empty = 0;
  begin_window(scan);
  /* What the kernel was not told of is seen twice, and taken once. */
  (void)tell_all(sockets);
}

void scan_end(struct sockets *sockets) {
  struct scan *scan = &sockets->scan;
  if (!scan->on) return;
  scan->on = false;
  if (!tell_all(sockets)) {
    /* Nobody would be told of the rest: once more in the next turn. */
    scan->on = true;
    return;
  }
  scan->busy = 0;
  if (scan->worth) scan->after = AFTER_MIN;
  else if (scan->after < AFTER_MAX) scan->after *= 2;
}

static bool is_enough(struct sockets *sockets) {
  struct scan *scan = &sockets->scan;
  if (sockets->top > SLOTS_SCANNED_MAX || scan->empty >= EMPTY_MAX) return false;
  if (scan->turns < WINDOW) return true;
  scan->worth = scan->found * SOCKETS_FOR_ONE >= scan->turns * sockets->used;
  begin_window(scan);
  return scan->worth;
}

bool scan_goes_on(struct sockets *sockets) {
  struct scan *scan = &sockets->scan;
  if (scan->on) {
    if (!is_enough(sockets)) scan_end(sockets);
  } else {
    if (scan->after == 0) scan->after = AFTER_MIN;
    if (sockets->top <= SLOTS_SCANNED_MAX && ++scan->busy >= scan->after) begin(sockets);
  }
  return scan->on;
}

/* The place that is looked at now; the next one comes after it. */
static uint32_t step(struct sockets *sockets) {
  struct scan *scan = &sockets->scan;
  uint32_t place = scan->next < sockets->top ? scan->next : 0;
  scan->next = place + 1;
  return place;
}

/* Stops where something is. What it is stays in the kernel, but for an error. */
static bool find_first(struct sockets *sockets) {
  for (uint32_t left = sockets->top; left > 0; left--) {
    uint32_t place = step(sockets);
    const struct slot *slot = &sockets->slots[place];
    if (!is_read(slot)) continue;
    uint8_t byte;
    int error = direct_recv(slot->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 ? errno : 0;
    if (error == EAGAIN || error == EINTR) continue;
    sockets->scan.next = place;
    sockets->scan.error = error;
    return true;
  }
  return false;
}

bool scan_ask(struct sockets *sockets) {
  struct scan *scan = &sockets->scan;
  bool found = find_first(sockets);
  sockets->found = !found || scan->turns % ASK_EVERY == 0 ? sockets_ask(sockets) : 0;
  if (!found && sockets->found == 0) {
    scan->empty++;
    return false;
  }
  scan->empty = 0;
  scan->turns++;
  return true;
}

void scan_receive(struct sockets *sockets, struct received *into) {
  size_t before = into->filled;
  int error = sockets->scan.error;
  sockets->scan.error = 0;
  for (uint32_t left = sockets->top; left > 0 && received_room(into) > 0; left--) {
    uint32_t place = step(sockets);
    const struct slot *slot = &sockets->slots[place];
    if (is_read(slot)) {
      if (error != 0) received_row(into, place, false, -error);
      else received_from(into, slot, place, false);
    }
    error = 0;
  }
  sockets->scan.found += (uint32_t)(into->filled - before);
}
