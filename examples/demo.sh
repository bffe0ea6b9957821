#!/bin/sh
# Shows the main job on a playground: legacy contexts become descriptors, and come back as they were.
# `make demo` runs it; it needs nothing but zenctx on the PATH, or its command in ZENCTX.
set -eu

zenctx=${ZENCTX:-zenctx}
playground=$(mktemp -d)/zenctx-demo
trap 'rm -rf "$(dirname "$playground")"' EXIT INT TERM

say() { printf '\n# %s\n' "$1"; }
run() {
    printf '$ zenctx %s\n' "$*"
    $zenctx "$@"
}

say 'A playground: an SQLite database as the engine leaves it, legacy contexts in workflow_runs.context.'
run demo "$playground"
cd "$playground"

say 'What is there? Newest first; "parked" runs wait to be resumed.'
run runs --limit 6

parked=$($zenctx runs --status RUNNING --limit 1 --format jsonl | sed -n 's/.*"run_id":"\([^"]*\)".*/\1/p')
say 'One context. Secrets are hidden, also where a node copied them to.'
run inspect "$parked"

say 'The plan first: nothing is changed.'
run migrate --dry-run --limit 5

say 'Keep the values to compare with: the exact text of every context.'
cat > contexts.py <<'PY'
import sqlite3
for row in sqlite3.connect("zenctx.db").execute("select id, context from workflow_runs order by id"):
    print(*row)
PY
python=${PYTHON:-python3}
"$python" contexts.py > before.txt
wc -l < before.txt

say 'Legacy to descriptors: small values inline, large ones in files.'
run migrate
run migrate --check
find data -type f -name '*.json' | head -3

say 'Everything can be read back.'
run verify

say 'And back again: every context is the text that it was, to the byte.'
run migrate --to legacy
"$python" contexts.py > after.txt
cmp before.txt after.txt && echo 'before and after are the same'
