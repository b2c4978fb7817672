#!/bin/sh
# `npm test`: everything, from a bare machine. Runs every step even when one fails; the last line
# is `N passed, N failed`, and the exit status is 0 only if nothing failed.
set -u
here=$(dirname -- "$0")
cd "$here/.." || exit 1
sh scripts/install.sh --tools || exit 1
sh scripts/apt.sh redis-server redis-tools || echo "strongroom: tests against Redis will fail" >&2
sh scripts/apt.sh curl || echo "strongroom: tests with curl will fail" >&2
sh scripts/apt.sh softhsm2 opensc openssl || echo "strongroom: tests of tokens will fail" >&2
sh scripts/build.sh

results=$(mktemp -d) || exit 1
trap 'rm -rf "$results"' EXIT
step() {
  name=$1
  shift
  echo "== $name"
  "$@"
  echo $? >"$results/$name.status"
}
tests() {
  step "$@" --reporter=default --reporter=json --outputFile.json="$results/$1.json"
}
step format-and-lint sh scripts/run.sh --tool biome check --error-on-warnings .
step types sh scripts/run.sh --tool tsc --noEmit
tests unit sh scripts/run.sh --tool vitest run --project house --project unit
tests process sh scripts/run.sh --tool vitest run --project process
sh scripts/run.sh scripts/tally.ts "$results"
