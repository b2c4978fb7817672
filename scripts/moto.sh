#!/bin/sh
# Installs moto, which plays AWS KMS in tests, into `.moto` as test/support/moto.txt pins it. Silent
# and quick when it is there. Fails when it cannot; the caller decides whether that matters.
set -eu
cd "$(dirname -- "$0")/.."
pins=test/support/moto.txt
cmp -s "$pins" .moto/installed && exit 0
echo "strongroom: installing moto" >&2
rm -rf .moto
python3 -m venv .moto
.moto/bin/pip install --quiet --disable-pip-version-check -r "$pins" >&2
cp "$pins" .moto/installed
