#!/bin/sh
# What `npm pack` runs before and after it packs: `package.sh prepack`, `package.sh postpack`.
set -eu
here=$(dirname -- "$0")
sh "$here/install.sh" --tools
exec sh "$here/run.sh" "$here/package.ts" "$1"
