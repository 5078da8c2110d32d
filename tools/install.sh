#!/bin/sh
# Installs what building needs and is missing; says what. Asks for root only when something is.
# `tools/install.sh test` adds what only `make test` needs: node, for the clients of tests/clients.
set -eu

packages="gcc g++ clang libclang-rt-14-dev cmake ninja-build make pkg-config python3 python3-requests python3-websocket
  libssl-dev libwslay-dev nettle-dev libjansson-dev libcurl4-openssl-dev libsqlite3-dev libyaml-dev zlib1g-dev libcmocka-dev"

missing=""
for p in $packages; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing="$missing $p"
done
if [ "${1:-}" = test ]; then                    # by what is on the path, not by package: node comes from many places
    command -v node >/dev/null 2>&1 || missing="$missing nodejs"
    command -v npm >/dev/null 2>&1 || missing="$missing npm"
fi
[ -n "$missing" ] || exit 0

echo "Installing:$missing"
if [ "$(id -u)" = 0 ]; then
    root=""
elif command -v sudo >/dev/null 2>&1; then
    root="sudo"
else
    echo "These packages are missing and only root can install them: apt-get install$missing" >&2
    exit 1
fi
$root apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends $missing >/dev/null
