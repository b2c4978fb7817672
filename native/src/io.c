/*
 * Calls of the kernel that Node lacks or makes slowly: pread into a part of a buffer without a
 * request object, of many records at once, and for the kernel's cache alone; send; flock. Failures
 * are returned as a negated errno.
 */
#define _GNU_SOURCE
#include "addon.h"
#include "direct.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

/* read(2), NOTES: Linux transfers at most this much at once. */
#define READ_BYTES_MAX 0x7ffff000u

/* The smallest page of the kernel's cache. */
#define PAGE_BYTES 4096

static ssize_t read_at(int fd, uint8_t *target, uint32_t length, off_t position) {
  ssize_t bytes;
  do bytes = pread(fd, target, length, position);
  while (bytes < 0 && errno == EINTR);
  return bytes;
}

/*
 * What the kernel's cache holds, whole (preadv2(2), RWF_NOWAIT). False: not all of it is there, and
 * where the kernel can it has begun to read the rest; or the file system cannot tell.
 */
static bool read_cached(int fd, uint8_t *target, uint32_t length, off_t position, int *error) {
#ifdef RWF_NOWAIT
  ssize_t bytes;
  do bytes = direct_preadv2(fd, target, length, position, RWF_NOWAIT);
  while (bytes < 0 && errno == EINTR);
  *error = bytes < 0 ? errno : 0;
  return bytes == (ssize_t)length;
#else
  *error = EOPNOTSUPP;
  return false;
#endif
}

/* Whether to read after `read_cached` has failed with `error` is to wait for the disk. */
static bool is_waiting(int error) { return error == 0 || error == EAGAIN; }

static napi_value read_part(napi_env env, napi_callback_info info, bool cached) {
  struct call call;
  struct bytes target;
  uint32_t at, length;
  int64_t position;
  int fd = -1;
  if (!call_begin(&call, env, info, 5) || !call_descriptor(&call, 0, &fd) ||
      !call_bytes(&call, 1, &target) || !call_u32(&call, 2, &at) || !call_u32(&call, 3, &length) ||
      !call_position(&call, 4, &position))
    return NULL;
  if ((uint64_t)at + length > target.length) {
    throw_range(env, "range outside the buffer");
    return NULL;
  }
  if (length > READ_BYTES_MAX) length = READ_BYTES_MAX;
  if (cached) {
    int error;
    if (read_cached(fd, target.data + at, length, (off_t)position, &error))
      return int_value(env, length);
    if (is_waiting(error)) return int_value(env, -EAGAIN);
  }
  ssize_t bytes = read_at(fd, target.data + at, length, (off_t)position);
  return int_value(env, bytes < 0 ? -errno : bytes);
}

/* pread(fd, target, targetAt, length, position): bytes read. */
napi_value io_pread(napi_env env, napi_callback_info info) { return read_part(env, info, false); }

/* preadCached: the same, but -EAGAIN for what the kernel's cache does not hold whole. */
napi_value io_pread_cached(napi_env env, napi_callback_info info) {
  return read_part(env, info, true);
}

/* Integers of a row of preadMany: descriptor, at, length, position, result. */
#define READ_ROW 5

static bool row_fits(size_t room, uint32_t fd, uint32_t at, uint32_t length) {
  return fd <= 0x7fffffffu && (uint64_t)at + length <= room;
}

/* What the first round of preadMany leaves in the result's place for the second one. */
#define LEFT_WAITING 0xffffffffu
#define LEFT 0xfffffffeu

/* Reads one row: from the kernel's cache alone, or from the file what the first round left. */
static bool read_row(napi_env env, const struct bytes *target, volatile uint32_t *row, bool first) {
  uint32_t fd = row[0], at = row[1], wanted = row[2], left = row[4];
  off_t position = (off_t)row[3];
  if (!row_fits(target->length, fd, at, wanted))
    return throw_range(env, "range outside the buffer");
  if (wanted > READ_BYTES_MAX) wanted = READ_BYTES_MAX;
  if (first) {
    int error;
    bool whole = read_cached((int)fd, target->data + at, wanted, position, &error);
    row[4] = whole ? wanted : is_waiting(error) ? LEFT_WAITING : LEFT;
    return true;
  }
  row[0] = left == LEFT_WAITING;
  if (left < LEFT) return true;
  ssize_t bytes = read_at((int)fd, target->data + at, wanted, position);
  row[4] = (uint32_t)(bytes < 0 ? -errno : bytes);
  return true;
}

/*
 * preadMany(target, rows, count): row i reads `length` bytes at `position` of a file into
 * `target[at]`; its result is the bytes read, less at the end of a file, or a negated errno, and
 * its first integer becomes 1 if it waited for the disk, else 0. What the kernel's cache holds is
 * read first: where the kernel can, all others are under way while the first is waited for. The
 * table may be memory that another thread writes, so each row is checked again where it is used.
 */
napi_value io_pread_many(napi_env env, napi_callback_info info) {
  struct call call;
  struct bytes target;
  uint32_t *rows;
  size_t length;
  uint32_t count;
  if (!call_begin(&call, env, info, 3) || !call_bytes(&call, 0, &target) ||
      !call_results(&call, 1, &rows, &length) || !call_u32(&call, 2, &count))
    return NULL;
  if ((uint64_t)count * READ_ROW > length) {
    throw_range(env, "table shorter than its count");
    return NULL;
  }
  volatile uint32_t *end = rows + (size_t)count * READ_ROW;
  for (volatile uint32_t *row = rows; row < end; row += READ_ROW)
    if (!row_fits(target.length, row[0], row[1], row[2])) {
      throw_range(env, "range outside the buffer");
      return NULL;
    }
  for (volatile uint32_t *row = rows; row < end; row += READ_ROW)
    if (!read_row(env, &target, row, true)) return NULL;
  for (volatile uint32_t *row = rows; row < end; row += READ_ROW)
    if (!read_row(env, &target, row, false)) return NULL;
  return NULL;
}

/*
 * warm(fd, position, length): brings a range of a file into the kernel's cache by reading a byte of
 * each page from front to back; the kernel reads ahead. The processor touches the pages, too: in a
 * virtual machine the first touch of a page that only the disk has written costs microseconds,
 * which whoever reads a record would pay. 0, also beyond the end of the file, or a negated errno.
 */
napi_value io_warm(napi_env env, napi_callback_info info) {
  struct call call;
  int64_t position, length;
  int fd = -1;
  if (!call_begin(&call, env, info, 3) || !call_descriptor(&call, 0, &fd) ||
      !call_position(&call, 1, &position) || !call_position(&call, 2, &length))
    return NULL;
  for (int64_t end = position + length; position < end;) {
    uint8_t byte;
    ssize_t bytes = read_at(fd, &byte, 1, (off_t)position);
    if (bytes < 0) return int_value(env, -errno);
    if (bytes == 0) break;
    position += PAGE_BYTES - position % PAGE_BYTES;
  }
  return int_value(env, 0);
}

/*
 * send(fd, data, at, length): bytes that a connected socket took at once. Never waits, never raises
 * SIGPIPE.
 */
napi_value io_send(napi_env env, napi_callback_info info) {
  struct call call;
  struct bytes data;
  uint32_t at, length;
  int fd = -1;
  if (!call_begin(&call, env, info, 4) || !call_descriptor(&call, 0, &fd) ||
      !call_bytes(&call, 1, &data) || !call_u32(&call, 2, &at) || !call_u32(&call, 3, &length))
    return NULL;
  if ((uint64_t)at + length > data.length) {
    throw_range(env, "range outside the buffer");
    return NULL;
  }
  if (length > READ_BYTES_MAX) length = READ_BYTES_MAX;
  ssize_t bytes;
  do bytes = send(fd, data.data + at, length, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (bytes < 0 && errno == EINTR);
  return int_value(env, bytes < 0 ? -errno : bytes);
}

/* flock(fd): 0 when this open file description holds the exclusive lock. */
napi_value io_flock(napi_env env, napi_callback_info info) {
  struct call call;
  int fd = -1;
  if (!call_begin(&call, env, info, 1) || !call_descriptor(&call, 0, &fd)) return NULL;
  int failed;
  do failed = flock(fd, LOCK_EX | LOCK_NB);
  while (failed != 0 && errno == EINTR);
  return int_value(env, failed == 0 ? 0 : -errno);
}

/* pageOffset(bytes): address of the first byte modulo 4096. */
napi_value io_page_offset(napi_env env, napi_callback_info info) {
  struct call call;
  struct bytes bytes;
  if (!call_begin(&call, env, info, 1) || !call_bytes(&call, 0, &bytes)) return NULL;
  return int_value(env, (int64_t)((uintptr_t)bytes.data & 4095));
}
