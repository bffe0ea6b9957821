#!/bin/sh
# Shows the main job on a playground: legacy contexts become descriptors, and come back as they were.
# `make demo` runs it. By itself it needs zenctx on the PATH, or its command in ZENCTX, and Python to compare with.
# Usage: demo.sh [DIRECTORY]   with a directory, the playground stays there; without, it is removed at the end.
set -eu

zenctx=${ZENCTX:-zenctx}
python=${PYTHON:-python3}

# Variables win over the settings of the playground: a ZENCTX_DB that is set would name another database.
for name in $(env | sed -n 's/^\(ZENCTX_[A-Z_]*\)=.*/\1/p'); do
    unset "$name"
done

if [ $# -gt 0 ]; then
    mkdir -p "$1"
    cd "$1"
else
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    cd "$folder"
fi

say() { printf '\n# %s\n' "$1"; }
# Not quoted: $zenctx may be a command with arguments.
run() {
    printf '$ zenctx %s\n' "$*"
    $zenctx "$@"
}

# What another program sees in the database: the exact text of every context.
contexts() {
    "$python" - <<'PY'
import sqlite3
for row in sqlite3.connect("zenctx.db").execute("select id, context from workflow_runs order by id"):
    print(*row)
PY
}

say 'A playground: an SQLite database as the engine leaves it, with legacy contexts.'
run demo
cd zenctx-demo

say 'What is in it? RUNNING with a context means parked: the run waits to be resumed.'
run runs --limit 6
parked=$($zenctx runs --status RUNNING --limit 1 --format jsonl | sed -n 's/.*"run_id":"\([^"]*\)".*/\1/p')

say 'One value of a parked run. A node copied a secret into it; the secret is hidden.'
run inspect "$parked" http.output.headers

say 'The plan for the first rows. Nothing is changed by it.'
run migrate --dry-run --limit 8

contexts > ../before.txt
say 'Legacy to descriptors. (The text of every context is kept aside, to compare with.)'
run migrate
run migrate --check

say 'Small values stay in the row, large ones are in files now.'
find data -type f ! -name '.*'

say 'Every value can be read back.'
run verify

say 'The way back.'
run migrate --to legacy

say 'Is every context the text that it was, to the byte?'
contexts > ../after.txt
cmp ../before.txt ../after.txt
echo "$(wc -l < ../before.txt | tr -d ' ') contexts compared: before and after are the same."
