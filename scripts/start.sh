#!/bin/sh
# `npm start`: installs and builds what is missing, then becomes the node. The `exec` matters: a
# SIGTERM for the process group must end with the node's own exit status.
set -eu
here=$(dirname -- "$0")
sh "$here/install.sh"
sh "$here/build.sh"
exec sh "$here/run.sh" "$here/../src/bin/strongroom.ts" serve --default-key-file "$@"
