#!/usr/bin/env bash
# Rewrites the three lock files from pyproject.toml: `make lock` (needs uv). Hashes, no addresses, every Python from 3.11 on.
#   requirements.lock       what the product needs
#   requirements-demo.lock  the same, all extras and the build tool: what `make demo` installs
#   requirements-dev.lock   all of it and the tools for lint and tests
set -euo pipefail
cd "$(dirname "$0")/.."
uv=$(command -v uv || echo .venv/bin/uv)
"$uv" --version >/dev/null 2>&1 || { echo "make lock needs uv: pip install uv" >&2; exit 1; }

lock() {
  local file=$1
  shift
  "$uv" pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links --output-file "$file" "$@" >/dev/null
}
extras=(--extra cluster --extra demo --extra excel --extra sign --extra terraform)
lock requirements-dev.lock "${extras[@]}" --group dev "$@"
lock requirements-demo.lock "${extras[@]}" --group build --constraints requirements-dev.lock
lock requirements.lock --constraints requirements-dev.lock

if grep -nE '://|^-' requirements*.lock; then
  echo "a lock file names an address or an option of this machine" >&2
  exit 1
fi
