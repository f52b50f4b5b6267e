#!/usr/bin/env bash
# The software bill of materials (CycloneDX 1.5, JSON), made of what is really linked: every library that the loader finds for the programs, every archive that the linker took in, with the Debian
# package and the version of each; the npm packages whose code is in the dashboard. The same inputs give the same bytes.
#   sbom.sh SOURCE_DIR FILE VERSION SUPPORT_END 'ARCHIVE...' PROGRAM...
set -euo pipefail
export LC_ALL=C
source=$1 out=$2 version=$3 support_end=$4 archives=$5
shift 5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Lines "program soname file" of what a program is linked with.
for program in "$@"; do
  name=${program##*/}
  if ldd "$program" >"$work/ldd" 2>/dev/null && grep -q '=>' "$work/ldd"; then
    awk -v name="$name" '$2 == "=>" && $3 ~ /^\// { print name, $1, $3 } NF == 2 && $1 ~ /^\// { n = split($1, part, "/"); print name, part[n], $1 }' "$work/ldd"
  else
    echo "$name libc.a $(gcc -print-file-name=libc.a)"
  fi
done >"$work/linked"
# Archives from elsewhere, where the program has something that they define.
for archive in $archives; do
  nm -g --defined-only "$archive" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u >"$work/defines"
  for program in "$@"; do
    nm "$program" 2>/dev/null | awk '{ print $NF }' | sort -u | comm -12 - "$work/defines" >"$work/both"
    [ ! -s "$work/both" ] || echo "${program##*/} ${archive##*/} $archive"
  done
done >>"$work/linked"
# What programs load when it is asked for.
grep -ohE '"lib[a-z0-9-]+\.so\.[0-9]+"' "$source"/lib/*/src/*.c | tr -d '"' | sort -u | while read -r soname; do
  file=$(ldconfig -p | awk -v so="$soname" '$1 == so && !found { print $NF; found = 1 }')
  [ -z "$file" ] || echo "- $soname $file"
done >>"$work/linked"

# Lines "package version architecture soname program". dpkg knows a file by the path that its package has, whether or not /usr and / are one.
sort -u "$work/linked" >"$work/pairs"
awk '{ print $3 }' "$work/pairs" | sort -u | while read -r file; do
  for path in "$file" "$(readlink -f "$file")"; do
    for also in "$path" "${path#/usr}" "/usr$path"; do echo "$file $also"; done
  done
done | sort -u >"$work/paths"
awk '{ print $1 }' "$work/paths" | sort -u | while read -r file; do echo "$file $(basename "$(readlink -f "$file")")"; done >"$work/files"
awk '{ print $2 }' "$work/paths" | sort -u | xargs dpkg-query -S 2>/dev/null | sed -E 's/^([^,: ]+)[^ ]*: /\1 /' >"$work/owners" || true
# shellcheck disable=SC2016 # dpkg's own words
awk '{ print $1 }' "$work/owners" | sort -u | xargs dpkg-query -W -f '${Package} ${Version} ${Architecture}\n' >"$work/versions"
awk -v out="$work/packages" '
  FILENAME ~ /versions$/ { version[$1] = $1 " " $2 " " $3; next }
  FILENAME ~ /owners$/ { owner[$2] = $1; next }
  FILENAME ~ /files$/ { real[$1] = $2; next }
  FILENAME ~ /paths$/ { if ($2 in owner) of[$1] = owner[$2]; next }
  { if (!($3 in of)) { print "sbom: no Debian package has " $3 > "/dev/stderr"; bad = 1 } else { print version[of[$3]], $2, $1 > out; print version[of[$3]], real[$3], $1 > out } }
  END { exit bad }' "$work/versions" "$work/owners" "$work/files" "$work/paths" "$work/pairs"
awk '/^    "node_modules\//{ name = $1 } /^      "version":/{ version = $2 } /^      "dev": true/{ dev = 1 } /^    }/{ if (name != "" && !dev) print name, version; name = ""; dev = 0 }' "$source/web/package-lock.json" \
  | tr -d '",:' | sed 's|^node_modules/||' | sort >"$work/npm"

ref_of() { echo "pkg:deb/debian/$1@${2//+/%2B}?arch=$3"; }

{
  printf '{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,\n'
  printf '"metadata":{"component":{"type":"application","bom-ref":"selvedge","name":"selvedge","version":"%s","licenses":[{"license":{"id":"Apache-2.0"}}],"properties":[{"name":"selvedge:support-end","value":"%s"}]}},\n' "$version" "$support_end"
  printf '"components":[\n'
  for program in "$@"; do
    printf '{"type":"application","bom-ref":"%s","name":"%s","version":"%s","licenses":[{"license":{"id":"Apache-2.0"}}]},\n' "${program##*/}" "${program##*/}" "$version"
  done
  while read -r name number; do
    printf '{"type":"library","bom-ref":"pkg:npm/%s@%s","name":"%s","version":"%s","purl":"pkg:npm/%s@%s"},\n' "$name" "$number" "$name" "$number" "$name" "$number"
  done <"$work/npm"
  cut -d' ' -f1-3 "$work/packages" | sort -u | while read -r name number arch; do
    ref=$(ref_of "$name" "$number" "$arch")
    sonames=$(awk -v n="$name" -v a="$arch" '$1 == n && $3 == a { print $4 }' "$work/packages" | sort -u | sed 's/.*/{"name":"selvedge:library","value":"&"}/' | paste -sd,)
    printf '{"type":"library","bom-ref":"%s","name":"%s","version":"%s","purl":"%s","properties":[%s]},\n' "$ref" "$name" "$number" "$ref" "$sonames"
  done | sed '$ s/,$//'
  printf '],\n"dependencies":[\n'
  printf '{"ref":"selvedge","dependsOn":[%s]},\n' "$(printf '%s\n' "$@" | sed 's|.*/||; s/.*/"&"/' | paste -sd,)"
  for program in "$@"; do
    refs=$(awk -v p="${program##*/}" '$5 == p { print $1, $2, $3 }' "$work/packages" | sort -u | while read -r name number arch; do ref_of "$name" "$number" "$arch"; done)
    [ "${program##*/}" != selvedge-fleet ] || refs+=$'\n'$(sed -E 's|^(.*) (.*)$|pkg:npm/\1@\2|' "$work/npm")
    printf '{"ref":"%s","dependsOn":[%s]},\n' "${program##*/}" "$(sed '/^$/d; s/.*/"&"/' <<<"$refs" | paste -sd,)"
  done | sed '$ s/,$//'
  printf ']}\n'
} >"$work/sbom"
mv "$work/sbom" "$out"
