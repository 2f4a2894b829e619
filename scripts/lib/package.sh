# shellcheck shell=bash
# What scripts/package puts where. Sourced after common.sh, never run.

# The version of a package of this commit: later commits are newer, releases are what they say.
package_version() {
  local version
  version=$(cargo_version)
  if ! git rev-parse -q --verify HEAD >/dev/null 2>&1 || [ "$(git tag --points-at HEAD)" = "v$version" ]; then
    printf '%s\n' "$version"
  else
    printf '%s+%s\n' "$version" "$(TZ=UTC git log -1 --format=%cd --date=format-local:%Y%m%d%H%M%S)"
  fi
}

cargo_version() { sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1; }

# stage_common FOLDER BINARY QUICK: what the package and the tarball share, laid out as below /usr.
stage_common() {
  local to=$1 doc=$1/share/doc/discordctl page
  mkdir -p "$to/bin" "$to/share/man/man1" "$doc/examples"
  install -m 755 "$2" "$to/bin/discordctl"
  strip "$to/bin/discordctl"

  "$to/bin/discordctl" man --dir "$to/share/man/man1"
  gzip -9n "$to/share/man/man1"/*.1
  completion "$to" bash bash-completion/completions/discordctl
  completion "$to" zsh zsh/vendor-completions/_discordctl
  completion "$to" fish fish/vendor_completions.d/discordctl.fish

  # As in the repository, so that the pages' links lead somewhere.
  for page in README.md ARCHITECTURE.md docs/*.md docs/*.png docs/plots/* docs/adr/*.md runbooks/*.md; do
    install -D -m 644 "$page" "$doc/$page"
  done
  install -m 644 config/* "$doc/examples/"
  ln -s examples "$doc/config"
  copyright >"$doc/copyright"
  if [ -z "$3" ]; then
    third_party >"$doc/THIRD-PARTY"
    gzip -9n "$doc/THIRD-PARTY"
  fi
  gzip -9nc CHANGELOG.md >"$doc/changelog.gz"
}

# completion FOLDER SHELL PLACE
completion() {
  mkdir -p "$1/share/$(dirname "$3")"
  "$1/bin/discordctl" completion "$2" >"$1/share/$3"
}

# The project's own licences, in Debian's form.
copyright() {
  cat <<'TEXT'
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: discordctl
Comment: Libraries of others are linked in: see THIRD-PARTY.gz beside this file.

Files: *
Copyright: the authors of discordctl
License: MIT or Apache-2.0

License: MIT
TEXT
  as_field LICENSE-MIT
  printf '\nLicense: Apache-2.0\n'
  as_field LICENSE-APACHE
}

# A text as the continuation of a field: an empty line is a dot.
as_field() { sed -e 's/^[[:space:]]*$/./' -e 's/^/ /' "$1"; }

# What is linked in, with the licences that each brings; a text that several share comes once.
third_party() {
  local crates metadata crate license manifest file digest seen=' '
  crates=$(cargo tree --locked -e normal,no-proc-macro --prefix none -f '{p}|{l}' |
    sed -n 's/^\([^ ]*\) v\([^ |]*\)[^|]*|\(.*\)$/\1 \2|\3/p' | LC_ALL=C sort -u | grep -v '^discordctl\(-lib\)\{0,1\} ') ||
    die 69 'cannot list the libraries: cargo tree failed'
  metadata=$(cargo metadata --locked --format-version 1) ||
    die 69 'cannot list the libraries: cargo metadata failed'
  metadata=$(jq -r '.packages[] | "\(.name) \(.version)|\(.manifest_path)"' <<<"$metadata")
  printf 'discordctl contains these libraries.\n\n'
  printf '%s\n' "${crates//|/: }"
  while IFS='|' read -r crate license; do
    manifest=$(grep -F "$crate|" <<<"$metadata" | head -n 1 | cut -d '|' -f 2)
    for file in "${manifest%/*}"/LICENSE* "${manifest%/*}"/COPY* "${manifest%/*}"/NOTICE*; do
      [ -f "$file" ] || continue
      digest=$(sha256sum <"$file")
      case $seen in *" $digest "*) continue ;; esac
      seen="$seen$digest "
      printf '\n---- %s (%s): %s\n\n' "$crate" "$license" "${file##*/}"
      cat "$file"
    done
  done <<<"$crates"
}

# The newest glibc whose symbols a program asks for.
glibc_of() {
  readelf --dyn-syms --wide "$1" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -Vu | tail -n 1
}

# make_deb WORK VERSION FOLDER [COMPRESSION]
make_deb() {
  local root=$1/deb version=$2 architecture file
  architecture=$(dpkg --print-architecture)
  mkdir -p "$root/DEBIAN" "$root/usr" "$root/etc/discordctl" "$root/usr/lib/systemd/system"
  cp -R "$1/common/." "$root/usr/"
  sed 's|/usr/local/bin/|/usr/bin/|' config/discordctl@.service \
    >"$root/usr/lib/systemd/system/discordctl@.service"
  install -m 644 config/server.json "$root/etc/discordctl/instance1.json"
  echo /etc/discordctl/instance1.json >"$root/DEBIAN/conffiles"
  for file in postinst prerm postrm; do
    install -m 755 "scripts/lib/package/$file" "$root/DEBIAN/$file"
  done
  cat >"$root/DEBIAN/control" <<TEXT
Package: discordctl
Version: $version
Architecture: $architecture
Maintainer: the authors of discordctl <root@localhost>
Installed-Size: $(du -k -s --apparent-size "$root/usr" | cut -f 1)
Depends: libc6 (>= $(glibc_of "$root/usr/bin/discordctl")), libgcc-s1, passwd
Suggests: nginx, postgresql, redis-server | valkey-server
Section: net
Priority: optional
Description: chat server that one person can run, and the operator's tool for it
 People talk with netcat, a browser or HTTP in the same rooms. A message is on
 disk before anyone sees it. The database is embedded; several instances share
 PostgreSQL, and Redis or Valkey to be quick.
TEXT
  (cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
  chmod 644 "$root/DEBIAN/md5sums"
  file=$3/discordctl_${version}_$architecture.deb
  dpkg-deb --root-owner-group "-Z${4:-xz}" ${4:+-z1} --build "$root" "$file" >&2
  printf '%s\n' "$file"
}

# make_tarball WORK VERSION FOLDER
make_tarball() {
  local name file
  name=discordctl-$2-linux-$(uname -m)
  file=$3/$name.tar.gz
  mv "$1/common" "$1/$name"
  cp LICENSE-MIT LICENSE-APACHE "$1/$name/"
  tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
    -C "$1" -cf - "$name" | gzip -9n >"$file"
  printf '%s\n' "$file"
}
