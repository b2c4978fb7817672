/*
 * What the C library's allocator has in hand. Memory that was freed between blocks that live stays
 * with the process until somebody says that it may go.
 */
#include "addon.h"

#include <malloc.h>

#if defined(__GLIBC__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 33)
#define HAS_MALLINFO2
#endif
#endif

/* heapFree(): bytes that were freed and not given back to the system; 0 where nobody can tell. */
napi_value heap_free(napi_env env, napi_callback_info info) {
  (void)info;
#ifdef HAS_MALLINFO2
  return int_value(env, (int64_t)mallinfo2().fordblks);
#else
  return int_value(env, 0);
#endif
}

/* heapTrim(): gives whole pages of it back (malloc_trim(3)); `heapFree` counts them on. */
napi_value heap_trim(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  return NULL;
}
