#!/usr/bin/env bash
# Runs the gate and leaves its answer in the step's outputs. Ends with 0: the job's last step has to end with exit-code,
# so that results are uploaded before the job fails. Everything comes in through the environment.
set -euo pipefail
out=$(mktemp -d "${RUNNER_TEMP:-/tmp}/auditor.XXXXXX")
words=(run --gate --format "sarif,junit,markdown" --out "$out/reports" --quiet --json)
if [ -n "${BASELINE:-}" ]; then
  words+=(--baseline "$BASELINE")
fi
while IFS= read -r word; do
  if [ -n "$word" ]; then
    words+=("$word")
  fi
done <<< "${OPTIONS:-}"
code=0
# Names in an account are somebody else's text: what is printed meanwhile cannot speak commands of the workflow.
stop=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
echo "::stop-commands::$stop"
auditor "${words[@]}" > "$out/answer.json" || code=$?
echo "::$stop::"
python3 - "$out/answer.json" "$code" "$GITHUB_OUTPUT" "${GITHUB_STEP_SUMMARY:-/dev/null}" <<'PYTHON'
import json
import sys
from pathlib import Path

MOST = 900_000  # a summary above 1 MiB is dropped whole
answer, code, outputs, summary = sys.argv[1:]
try:
    told = json.loads(Path(answer).read_bytes())
except ValueError:
    told = {}
pack = Path(told["pack"]) if told.get("pack") else None
sarif = pack / "results" / "results.sarif" if pack else None
result = {name: told.get(name) for name in ("headline", "counts", "pack", "pack_id", "manifest_sha256", "baseline")}
with open(outputs, "a", encoding="utf-8") as file:
    file.write(f"exit-code={int(code)}\nresult={json.dumps(result)}\n")  # JSON has no line breaks of its own
    file.write(f"sarif={sarif if sarif and sarif.is_file() else ''}\n")
text = (pack / "results" / "summary.md").read_bytes() if pack and (pack / "results" / "summary.md").is_file() else b""
if len(text) > MOST:
    text = text[:MOST].decode("utf-8", "ignore").encode() + b"\n\nThe rest is in the pack.\n"
with open(summary, "ab") as file:
    file.write(text)
failing = told.get("failing") or []  # gravest first
escape = lambda text: str(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
for item in failing[:9]:
    words = f"{item['control']}: {item['title']} ({item['severity']}, {item['failed']} failed)"
    print(f"::warning::{escape(words)}")
if len(failing) > 9:
    print(f"::warning::and {len(failing) - 9} more, see the summary")
PYTHON
