#!/bin/sh
# Runs a source file, or with --tool a development tool, on the right Node (see node.sh).
#   run.sh FILE [ARGUMENT…]
#   run.sh --tool NAME [ARGUMENT…]
# Ends in `exec`: signals reach the program, and its exit status is the script's.
set -eu
. "$(dirname -- "$0")/node.sh"
find_node
if [ "$1" = --tool ]; then
  tool="$root/node_modules/.bin/$2"
  shift 2
  PATH="$(dirname -- "$node_bin"):$PATH"
  export PATH
  exec "$node_bin" "$tool" "$@"
fi
# glibc's allocator: large pages where the kernel grants them, so that look-ups of keys and values
# miss the TLB less; large blocks by mmap, so that what was freed goes back; few arenas.
tunables=glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=262144:glibc.malloc.arena_max=2
GLIBC_TUNABLES="${GLIBC_TUNABLES:-$tunables}"
export GLIBC_TUNABLES
# What Node makes of the sources is kept beside the dependencies: the next start, or command, has
# the first second to itself. It holds code alone; where it cannot be written, nothing is kept.
NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-$root/node_modules/.cache/node}"
export NODE_COMPILE_CACHE
# Young objects in 2 * 4 MiB, copied by the thread that made them, and old ones looked at when there
# are 2.5 times as many: V8's own choices take more memory under load, and look at everything twice
# a second (docs/decisions/0070).
exec "$node_bin" --max-semi-space-size=4 --heap-growing-percent=150 --no-parallel-scavenge "$@"
