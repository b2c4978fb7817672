#!/bin/sh
# `npm run bench`: throughput beside Debian's redis-server on this machine, in the same run.
set -eu
here=$(dirname -- "$0")
sh "$here/install.sh"
sh "$here/apt.sh" redis-server redis-tools
sh "$here/build.sh"
exec sh "$here/run.sh" "$here/../bench/main.ts" "$@"
