#!/bin/sh
# `npm run strongroom -- COMMAND …`: the command line. Only the command writes to standard output.
set -eu
here=$(dirname -- "$0")
sh "$here/install.sh"
sh "$here/build.sh"
exec sh "$here/run.sh" "$here/../src/bin/strongroom.ts" "$@"
