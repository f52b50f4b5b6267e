#!/usr/bin/env bash
# The client library as it is handed out: optimised, built apart from the tests' own build, installed into a prefix.
# usage: client_install.sh BUILD PREFIX [more options for cmake]
set -euo pipefail
build=$1
prefix=$2
shift 2
cmake -S "$SV_SOURCE" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DBUILD_TESTING=OFF -DCMAKE_C_FLAGS=-Werror "$@" >/dev/null
cmake --build "$build" --target selvedge-client selvedge-client-static
rm -rf "$prefix"
cmake --install "$build" --component client --prefix "$prefix" >/dev/null
