#!/bin/sh
# Puts promtool into a folder, unless it is on PATH: out of Debian's package, without root and without installing it.
# Where that cannot be done it says so; the tests that need promtool then say what they did not test.
set -eu

if command -v promtool >/dev/null || [ -x "$1/promtool" ] || [ -n "${ZENCTX_TEST_PROMTOOL:-}" ]; then
  exit 0
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
  echo "promtool is not installed, and there is no apt-get to fetch it: its tests will be skipped." >&2
  exit 1
fi

folder=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial"

# Lists and cache of its own, so that the system's stay as they are and need no rights.
fetch() {
  apt-get -qq -o Dir::State="$work/state" -o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache="$work/cache" \
    -o APT::Sandbox::User= "$@"
}

if (cd "$work" && fetch update && fetch download prometheus && dpkg-deb -x prometheus_*.deb unpacked) >"$work/log" 2>&1; then
  # By a rename, for several may fetch it at once.
  cp "$work/unpacked/usr/bin/promtool" "$folder/promtool.$$"
  mv "$folder/promtool.$$" "$folder/promtool"
else
  echo "promtool could not be fetched, and its tests will be skipped: $(tail -n 1 "$work/log")" >&2
  exit 1
fi
