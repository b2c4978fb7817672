/*
 * How long a thread wants to run at a time, sched_setattr(2): glibc has neither the call nor the
 * structure in every version that is supported, so both are spelled out here.
 */
#include "addon.h"

#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The first version of struct sched_attr, which every kernel takes. */
struct attributes {
  uint32_t size;
  uint32_t policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
};

/* Threads that this one makes later begin as others do. */
#define FLAG_RESET_ON_FORK 1u

static long read_attributes(pid_t thread, struct attributes *attributes) {
  return syscall(SYS_sched_getattr, thread, attributes, sizeof *attributes, 0);
}

/*
 * setSlice(thread, nanoseconds): asks for turns of this length (Linux 6.12 and later; earlier ones
 * ignore it). Policy and nice value stay. Returns the length that the kernel tells afterwards, 0
 * where it knows none, or a negated errno.
 */
napi_value schedule_slice(napi_env env, napi_callback_info info) {
  struct call call;
  uint32_t thread, nanoseconds;
  if (!call_begin(&call, env, info, 2) || !call_u32(&call, 0, &thread) ||
      !call_u32(&call, 1, &nanoseconds))
    return NULL;
  if (thread > 0x7fffffffu) {
    throw_range(env, "not a thread");
    return NULL;
  }
  int64_t result = 0;
  struct attributes attributes = {.size = sizeof attributes};
  if (read_attributes((pid_t)thread, &attributes) != 0) result = -errno;
  else if (attributes.policy == SCHED_OTHER) {
    attributes.flags = FLAG_RESET_ON_FORK;
    attributes.runtime = nanoseconds;
    if (syscall(SYS_sched_setattr, (pid_t)thread, &attributes, 0) != 0 ||
        read_attributes((pid_t)thread, &attributes) != 0)
      result = -errno;
    else result = (int64_t)attributes.runtime;
  }
  return int_value(env, result);
}
