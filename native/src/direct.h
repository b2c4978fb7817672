/*
 * System calls of the hot path without the C library's wrappers. Those are cancellation points: in
 * a process with several threads each changes the thread's cancellation state twice, by atomic
 * operations. No thread of Node's is ever cancelled. Results and errno are those of the wrappers.
 */
#ifndef STRONGROOM_DIRECT_H
#define STRONGROOM_DIRECT_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static inline ssize_t direct_recv(int fd, void *to, size_t room, int flags) {
  return syscall(SYS_recvfrom, fd, to, room, flags, NULL, NULL);
}

static inline ssize_t direct_send(int fd, const void *from, size_t length, int flags) {
  return syscall(SYS_sendto, fd, from, length, flags, NULL, 0);
}

/* One part. The position goes as two halves of a long's size, the upper one 0 on 64 bits. */
static inline ssize_t direct_preadv2(int fd, void *to, size_t room, off_t position, int flags) {
  struct iovec part = {to, room};
  _Static_assert(sizeof(long) == 8, "the position is one word");
  return syscall(SYS_preadv2, fd, &part, 1ul, position, 0ul, flags);
}

#endif
