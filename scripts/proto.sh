#!/bin/sh
# `npm run proto`: checks the schema, then writes src/proto from it. Reaches no network.
#   proto.sh [FOLDER]    writes below FOLDER instead (a test compares)
set -eu
here=$(dirname -- "$0")
. "$here/node.sh"
cd "$root"
sh scripts/run.sh --tool buf lint proto
exec sh scripts/run.sh --tool buf generate proto --template proto/buf.gen.yaml --output "${1:-.}"
