#!/usr/bin/env bash
# Copies libraries of this Debian system, and for each package that they belong to its licence:
# copy_libraries.sh LIBRARY_DIR LICENCE_DIR LIBRARY... Fails where a library is of no package or has no licence.
set -euo pipefail
libraries=$1
licences=$2
shift 2

# package_of LIBRARY: ldd may name it in /lib, where /usr/lib is what its package says, or the other way round.
package_of() {
  local file
  file=$(realpath "$1")
  dpkg-query -S "$file" "${file#/usr}" "/usr$file" 2>/dev/null | sed -n '1s/[:,].*//p' || true
}

mkdir -p "$libraries" "$licences"
for library in "$@"; do
  package=$(package_of "$library")
  licence=/usr/share/doc/$package/copyright
  if [[ -z $package || ! -s $licence ]]; then
    echo "copy_libraries.sh: $library has no licence to go with it: of no package, or $licence is missing" >&2
    exit 1
  fi
  cp -L "$library" "$libraries"
  cp -L "$licence" "$licences/$package.txt"
done
# Of licences that many share, Debian's files only name the text.
{ grep -ohE '/usr/share/common-licenses/[A-Za-z0-9.+-]*[A-Za-z0-9+]' "$licences"/*.txt || true; } | sort -u |
  xargs -r -I{} sh -c 'test ! -e {} || cp -L {} "$1"' - "$licences"
