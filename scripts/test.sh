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
sh scripts/moto.sh || { sh scripts/apt.sh python3-venv && sh scripts/moto.sh; } ||
  echo "strongroom: AWS KMS will be played by our own server alone" >&2
sh scripts/build.sh

results=$(mktemp -d) || exit 1
moto=
trap '[ -z "$moto" ] || kill "$moto"; rm -rf "$results"' EXIT
if [ -f .moto/installed ]; then
  .moto/bin/python -m moto.server -H 127.0.0.1 -p 0 >"$results/moto.log" 2>&1 &
  moto=$!
  for _ in $(seq 60); do
    STRONGROOM_AWS_KMS_ENDPOINT=$(grep -o 'http://127[0-9.:]*' "$results/moto.log") && break
    sleep 0.5
  done
  export STRONGROOM_AWS_KMS_ENDPOINT
fi
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
