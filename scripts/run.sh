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
# Large pages where the kernel grants them: look-ups of keys and values then miss the TLB less.
GLIBC_TUNABLES="${GLIBC_TUNABLES:-glibc.malloc.hugetlb=1}"
export GLIBC_TUNABLES
exec "$node_bin" "$@"
