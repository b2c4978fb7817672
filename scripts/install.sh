#!/bin/sh
# Installs the locked dependencies when they are missing or older than package-lock.json; silent
# and quick when nothing is to be done. Without --tools only what a node needs to run.
set -eu
. "$(dirname -- "$0")/node.sh"
cd "$root"

tools=no
if [ "${1:-}" = --tools ] || [ -d node_modules/typescript ]; then tools=yes; fi

fresh() {
  [ -f node_modules/.package-lock.json ] || return 1
  [ ! package-lock.json -nt node_modules/.package-lock.json ] || return 1
  [ "$tools" = no ] || [ -d node_modules/typescript ]
}

install() {
  if ! command -v npm >/dev/null 2>&1; then
    echo "strongroom: npm is missing (Debian: apt-get install npm)" >&2
    return 1
  fi
  if [ "$tools" = yes ]; then
    npm ci --include=dev --loglevel=error --no-audit --no-fund >&2
  else
    npm ci --omit=dev --loglevel=error --no-audit --no-fund >&2
  fi
}

fresh && exit 0
echo "strongroom: installing dependencies" >&2
if command -v flock >/dev/null 2>&1; then
  # Two starts at once: the second waits, then finds it done. The lock is on the folder itself.
  (flock 9 && { fresh || install 9<&-; }) 9<.
else
  install
fi
