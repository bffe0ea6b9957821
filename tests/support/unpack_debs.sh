#!/bin/sh
# Unpacks packages of Debian into a folder: without root, without installing them. Fails, with the reason, where it cannot.
set -eu

if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
  echo "there is no apt-get to fetch it with" >&2
  exit 1
fi
folder=$(cd "$1" && pwd)
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial"

# Lists and cache of its own, so that the system's stay as they are and need no rights.
fetch() {
  apt-get -qq -o Dir::State="$work/state" -o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache="$work/cache" \
    -o APT::Sandbox::User= "$@"
}

cd "$work"
if ! (fetch update && fetch download "$@" && for package in *.deb; do dpkg-deb -x "$package" "$folder"; done) >log 2>&1; then
  tail -n 1 log >&2
  exit 1
fi
