#!/bin/sh
# Builds the native addon where a C compiler is found. Never fails: without the addon everything
# works through node:crypto, slower. Silent and quick when the addon is up to date.
set -u
. "$(dirname -- "$0")/node.sh"
[ -f "$root/native/build.mjs" ] || exit 0
find_node || exit 0
"$node_bin" "$root/native/build.mjs" >&2 || echo "strongroom: the native addon was not built" >&2
exit 0
