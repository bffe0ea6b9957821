#!/bin/sh
# Shows the main job on a playground: legacy contexts become descriptors, are saved, lost and restored, and come back as
# they were.
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

say 'A snapshot of every run that can still be resumed, with its files.'
run snapshot --tag demo

say 'A mishap: the context of a parked run is emptied, and its file is deleted.'
damaged=$($zenctx runs --status RUNNING --format jsonl | sed -n 's/.*"run_id":"\([^"]*\)".*"files":[1-9].*/\1/p' | tail -n 1)
"$python" - "$damaged" <<'PY'
import sqlite3, sys
with sqlite3.connect("zenctx.db") as connection:
    connection.execute("update workflow_runs set context = '{}' where id = ?", sys.argv[1:])
connection.close()
PY
rm -rf "data/context-files/persistent/${damaged:-none}"

say 'What is missing? (Exit code 4: there are differences.)'
run diff "latest:$damaged" "$damaged" --keys-only || test $? -eq 4

say 'Put it back. An empty context may be one that an engine is working on: somebody has to say that none is.'
run restore latest --run "$damaged" --force --yes
run diff "latest:$damaged" "$damaged"

say 'Are there files that nobody needs? Not here: what a run names stays.'
run gc --dry-run

say 'The way back.'
run migrate --to legacy

say 'Is every context the text that it was, to the byte?'
contexts > ../after.txt
cmp ../before.txt ../after.txt
echo "$(wc -l < ../before.txt | tr -d ' ') contexts compared: before and after are the same."
