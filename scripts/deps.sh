#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs what is missing of the tools that a job needs, and only that.
#
#   scripts/deps.sh [run|test|all]
#
# run: to build the program. test: also everything the tests need. all (default): also what fuzzing needs.
# Without root rights and without sudo, or where there is no apt, it says what is needed and goes on when the tools
# are there all the same (under other package names, for instance).
set -u

run="gcc libc6-dev cmake ninja-build libedit2 libcurl4 libmspack0 libarchive13 liblzma5 libzstd1 zlib1g ca-certificates libzydis-dev libzydis4.0 libllvm14"
test="$run clang python3 python3-jsonschema libcmocka-dev clang-format llvm gcab openssl xz-utils zip zstd"
all="$test libclang-rt-14-dev"
tools_run="gcc cmake ninja"
tools_test="$tools_run clang python3 clang-format"

case ${1:-all} in
run) packages=$run tools=$tools_run ;;
test) packages=$test tools=$tools_test ;;
all) packages=$all tools=$tools_test ;;
*) echo "usage: $0 [run|test|all]" >&2; exit 2 ;;
esac

missing_tools() {
    for tool in $tools; do
        command -v "$tool" >/dev/null 2>&1 || printf ' %s' "$tool"
    done
}

# Without the tools nothing can go on; with them, a package that could not be had is only worth a remark.
finish() {
    lacking=$(missing_tools)
    if [ -n "$lacking" ]; then
        echo "deps: not found:$lacking. Please install, under Debian's names: $packages" >&2
        exit 1
    fi
    [ -z "$1" ] || echo "deps: $1; going on, since the tools are there" >&2
    exit 0
}

command -v dpkg-query >/dev/null 2>&1 || finish "no dpkg here, so packages were not checked"

missing=
for package in $packages; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)
    case $state in
    *installed*) case $state in *not-installed*) missing="$missing $package" ;; esac ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null 2>&1 || finish "no apt-get here; not installed:$missing"
sudo=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || finish "neither root nor sudo; not installed:$missing"
    sudo=sudo
fi

echo "deps: installing$missing" >&2
# shellcheck disable=SC2086 # the lists are meant to be split
install() { $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >&2; }
# The lists may be there already and good enough; only if not are they fetched.
install || { $sudo apt-get update >&2 && install; } || finish "apt-get could not install:$missing"
finish ""
