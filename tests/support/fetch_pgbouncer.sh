#!/bin/sh
# Puts PgBouncer and what it needs into a folder, unless it is on PATH: out of Debian's packages, without root.
# Where that cannot be done it says so; the tests that need it then say what they did not test.
set -eu

if command -v pgbouncer >/dev/null || [ -x "$1/usr/sbin/pgbouncer" ]; then
  exit 0
fi
mkdir -p "$1"
if ! reason=$("$(dirname "$0")/unpack_debs.sh" "$1" pgbouncer libc-ares2 libevent-2.1-7 2>&1); then
  echo "PgBouncer could not be fetched, and its tests will be skipped: $reason" >&2
  exit 1
fi
