#!/bin/sh
# `npm run check`: format and lint, types, then the rules of the house (layers, tidiness, errors).
set -eu
here=$(dirname -- "$0")
sh "$here/install.sh" --tools
sh "$here/run.sh" --tool biome check --error-on-warnings .
sh "$here/run.sh" --tool tsc --noEmit
sh "$here/run.sh" --tool vitest run --project house "$@"
