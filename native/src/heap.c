/*
 * Memory that goes back to the system although the process lives: what was freed between blocks of
 * the C library's allocator that live, and pages of memory that nobody may free.
 */
#include "addon.h"

#include <errno.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__GLIBC__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 33)
#define HAS_MALLINFO2
#endif
#endif

/* heapFree(): bytes that were freed and not given back to the system; 0 where nobody can tell. */
napi_value heap_free(napi_env env, napi_callback_info info) {
  (void)info;
#ifdef HAS_MALLINFO2
  napi_value bytes = NULL;
  napi_create_int64(env, (int64_t)mallinfo2().fordblks, &bytes);
  return bytes;
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

/*
 * pagesGiveBack(view): the whole pages of this memory go back to the system, and are zeros from
 * then on (madvise(2), MADV_DONTNEED). Only for memory that was mapped and is not shared with
 * another process. 0 or a negated errno.
 */
napi_value pages_give_back(napi_env env, napi_callback_info info) {
  struct call call;
  struct bytes view;
  if (!call_begin(&call, env, info, 1) || !call_bytes(&call, 0, &view)) return NULL;
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t begin = ((uintptr_t)view.data + page - 1) / page * page;
  uintptr_t end = ((uintptr_t)view.data + view.length) / page * page;
  if (end <= begin) return int_value(env, 0);
  int failed = madvise((void *)begin, end - begin, MADV_DONTNEED);
  return int_value(env, failed == 0 ? 0 : -errno);
}
