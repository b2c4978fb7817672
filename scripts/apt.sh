#!/bin/sh
# Installs Debian packages that are missing: `apt.sh PACKAGE…`. Silent when all are there. Starts
# no service. Fails when it cannot install; the caller decides whether that matters.
set -u
missing=
for package in "$@"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' && continue
  case $package in
    redis-server) command -v redis-server >/dev/null 2>&1 && continue ;;
    redis-tools) command -v redis-cli >/dev/null 2>&1 && continue ;;
    curl) command -v curl >/dev/null 2>&1 && continue ;;
  esac
  missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
  echo "strongroom: install these first:$missing" >&2
  exit 1
fi
as_root=
if [ "$(id -u)" != 0 ]; then
  if ! sudo -n true 2>/dev/null; then
    echo "strongroom: run 'sudo apt-get install$missing' first" >&2
    exit 1
  fi
  as_root="sudo -n"
fi
echo "strongroom: installing$missing" >&2
install() {
  $as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get install -y -qq --no-install-recommends $missing >&2
}
# The package lists of a fresh machine are empty or old: fetch them when the first try fails.
install || { $as_root apt-get update -qq >&2 && install; }
