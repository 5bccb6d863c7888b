#!/usr/bin/env bash
# Rebuilds templates/fonts/ from released packages: `tools/fonts.sh` (needs npm, apt-get, dpkg-deb and the development environment).
#
# IBM Plex comes with all its glyphs, one file for each style: Latin, Latin Extended, Greek and Cyrillic. What Plex lacks
# (names of people and places anywhere in the world) comes from three fallbacks with a range of their own each:
# DejaVu Sans (Arabic, Hebrew, Armenian, Georgian, signs), Droid Sans Fallback (Chinese, Japanese, Korean) and Unifont, plain
# to look at, for every other character of the Basic Multilingual Plane. What none of them has is spelt out by the pages.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD
subset=$here/.venv/bin/pyftsubset
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

for package in @ibm/plex-sans@1.1.0 @ibm/plex-serif@2.0.0 @ibm/plex-mono@2.5.0; do
  name=$(basename "${package%@*}")
  mkdir "$name"
  npm pack --silent "$package" >/dev/null
  tar -xzf ibm-"$name"-*.tgz -C "$name"
done
apt-get download -qq fonts-dejavu-core fonts-droid-fallback fonts-unifont
for package in *.deb; do dpkg-deb -x "$package" debian; done

out=$here/templates/fonts
mkdir -p "$out"
rm -f "$out"/*.woff2
for file in plex-sans/IBMPlexSans-Regular plex-sans/IBMPlexSans-SemiBold plex-serif/IBMPlexSerif-SemiBold \
  plex-mono/IBMPlexMono-Regular plex-mono/IBMPlexMono-SemiBold; do
  cp "${file%/*}/package/fonts/complete/woff2/${file##*/}.woff2" "$out/"
done
cp plex-sans/package/LICENSE.txt "$out/LICENSE-IBMPlex.txt"
chmod 644 "$out"/*

compress() { "$subset" "$1" --unicodes="$2" --layout-features='*' --no-hinting --flavor=woff2 --output-file="$out/$3" 2>&1 | { grep -v "don't know how to subset" || true; }; }
compress debian/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf '*' DejaVuSans.woff2
compress debian/usr/share/fonts-droid-fallback/truetype/DroidSansFallback.ttf \
  'U+0020,U+1100-11FF,U+3000-30FF,U+3130-318F,U+31F0-31FF,U+4E00-9FFF,U+AC00-D7A3,U+FF00-FFEF' DroidSansFallback.woff2
"$here/.venv/bin/python" - "$out" debian/usr/share/fonts/opentype/unifont/unifont.otf >unifont.txt <<'PYTHON'
import sys
from pathlib import Path
from fontTools.ttLib import TTFont
from unicodedata import category

before = {code for path in Path(sys.argv[1]).glob("*.woff2") for code in TTFont(path, lazy=True).getBestCmap()}
unifont = {code for code in TTFont(sys.argv[2], lazy=True).getBestCmap() if category(chr(code))[0] != "C"}
print(",".join(f"U+{code:04X}" for code in sorted({0x20} | unifont - before)))
PYTHON
compress debian/usr/share/fonts/opentype/unifont/unifont.otf "$(cat unifont.txt)" Unifont.woff2
for name in dejavu-core droid-fallback unifont; do
  cp "debian/usr/share/doc/fonts-$name/copyright" "$out/LICENSE-$name.txt"
done

# WOFF2 rewrites outlines before it compresses them, and undoing that takes WeasyPrint 0.1 s a font (5 s for the Chinese
# one). Without it the same outlines take an eighth more space.
"$here/.venv/bin/python" - "$out"/*.woff2 "$here/templates/report/signs.woff2" <<'PYTHON'
import sys
from fontTools.ttLib import TTFont
from fontTools.ttLib.woff2 import WOFF2FlavorData

for path in sys.argv[1:]:
    font = TTFont(path, recalcTimestamp=False)
    font.flavorData = WOFF2FlavorData(data=font.flavorData, transformedTables=())
    font.save(path)
PYTHON
cd "$here"
"$here/.venv/bin/python" -m tools.font_coverage
ls -l "$out"
