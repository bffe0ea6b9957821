#!/bin/sh
# Puts promtool into a folder, unless it is on PATH: out of Debian's package, without root and without installing it.
# Where that cannot be done it says so; the tests that need promtool then say what they did not test.
set -eu

if command -v promtool >/dev/null || [ -x "$1/promtool" ] || [ -n "${ZENCTX_TEST_PROMTOOL:-}" ]; then
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if reason=$("$(dirname "$0")/unpack_debs.sh" "$work" prometheus 2>&1); then
  # By a rename, for several may fetch it at once.
  cp "$work/usr/bin/promtool" "$1/promtool.$$"
  mv "$1/promtool.$$" "$1/promtool"
else
  echo "promtool could not be fetched, and its tests will be skipped: $reason" >&2
  exit 1
fi
