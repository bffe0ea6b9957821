#!/bin/sh
# A maintenance window, from snapshot to restore: something is done to the contexts while the engine is stopped, and
# where it lost or changed a value, everything is put back.
#
# Usage: runbook.sh COMMAND [ARGUMENT...]     what is to be done, such as: runbook.sh zenctx migrate --include-active
#
#   STOP_ENGINE, START_ENGINE   commands, such as 'systemctl stop zenflow'; without them somebody has to have done it
#   MAY_CHANGE_VALUES=yes       COMMAND is meant to change values, so that they are not compared
#
# Run it where zenctx finds its settings. It ends with
#   0  done, and no value differs
#   1  COMMAND failed or damaged something, and everything is as it was before
#   2  something was wrong beforehand; nothing was done
#   3  it could not be put back: THE ENGINE STAYS STOPPED, and somebody has to look (docs/runbook.md)
set -u

zenctx=${ZENCTX:-zenctx}

say() { printf '\n# %s\n' "$*"; }
# Not quoted: $zenctx may be a command with arguments.
run() {
    printf '$ zenctx %s\n' "$*"
    $zenctx "$@"
}
give_up() {
    say "$1"
    exit "$2"
}
start_engine() {
    say 'Start the engine.'
    ${START_ENGINE:-:} || give_up 'The engine does not start. Its contexts are in order.' 3
}
# Gives the first digits of the id of the snapshot that was taken.
snapshot() { $zenctx snapshot --all --tag "$1" --format jsonl | sed -n '$s/.*"snapshot_id":"\([0-9a-f]\{12\}\).*/\1/p'; }

put_back() {
    say "$1. Everything is put back as it was."
    # Nobody works on the runs: the engine is stopped. Hence --force.
    run restore "$before" --force --yes || give_up 'Not everything could be put back: THE ENGINE STAYS STOPPED.' 3
    run verify --quiet || give_up 'What was put back is not whole: THE ENGINE STAYS STOPPED.' 3
    start_engine
    give_up 'Everything is as it was before.' 1
}

[ $# -gt 0 ] || give_up 'Nothing says what is to be done: runbook.sh COMMAND [ARGUMENT...]' 2

say 'Is everything in order beforehand? What is wrong now would be blamed on this window later.'
run doctor || give_up 'It is not: mend that first. Nothing was done.' 2
run verify || give_up 'It is not: mend that first. Nothing was done.' 2

say 'Stop the engine.'
${STOP_ENGINE:-:} || give_up 'The engine does not stop. Nothing was done.' 2

say 'A snapshot of every run.'
before=$(snapshot before)
[ -n "$before" ] || { start_engine; give_up 'There is no snapshot, and so nothing was done.' 2; }
echo "It is $before."

say "Do it: $*"
"$@" || put_back "It ended with $?"

say 'Can every value be read, and is it what it was?'
run verify || put_back 'Not every value can be read'
if [ "${MAY_CHANGE_VALUES:-no}" != yes ]; then
    after=$(snapshot after)
    [ -n "$after" ] || put_back 'Whether values differ cannot be told'
    differences="differences-$before-$after.txt"
    (umask 077 && run diff "$before" "$after" --keys-only > "$differences") || put_back "Values differ: see $differences"
    tail -n 1 "$differences"
fi

start_engine
run doctor || say 'Look at what zenctx doctor says; the values are in order.'
give_up "Done. 'zenctx restore $before' leads back." 0
