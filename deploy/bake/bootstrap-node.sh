#!/bin/sh
# shellcheck shell=sh disable=SC2016 # a dollar in a value is meant
# Makes this machine a node that pulls from Amazon ECR, before a kubelet runs or after.
# Each step may be run again: what is there already stays.
set -eu
{{with .Bootstrap}}
bootstrap=/etc/ecr-node-bootstrap/bootstrap.yaml
{{- end}}
bin=/usr/local/bin
url={{shell .ArchiveURL}}
sha256={{shell .ArchiveSHA256}}

fail() {
	echo "bootstrap-node.sh: $*" >&2
	exit 1
}

# download URL FILE
download() {
	if command -v curl >/dev/null; then
		curl --fail --silent --show-error --location --connect-timeout 10 --max-time 300 --output "$2" "$1"
	elif command -v wget >/dev/null; then
		wget -q -T 60 -O "$2" "$1"
	else
		fail "downloading the programs: there is neither curl nor wget; hint: bake the programs in"
	fi
}

# The network may come late, and a server may be busy: ten times, two minutes in all.
fetch() {
	attempt=1
	until download "$1" "$2"; do
		[ "$attempt" -lt 10 ] || fail "downloading $1: it failed $attempt times; hint: see whether this subnet has a way to it"
		pause=$((attempt < 5 ? 1 << attempt - 1 : 20))
		echo "bootstrap-node.sh: downloading $1 failed, again in $pause s" >&2
		sleep "$pause"
		attempt=$((attempt + 1))
	done
}

if [ -n "$url" ]; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	fetch "$url" "$work/archive.tar.gz"
	got=$(sha256sum <"$work/archive.tar.gz")
	[ "${got%% *}" = "$sha256" ] ||
		fail "checking $url: its SHA-256 is ${got%% *}, not $sha256; hint: nothing of it has been installed"
	mkdir "$work/programs"
	tar -xzf "$work/archive.tar.gz" -C "$work/programs"
	for program in ecr-credential-provider ecr-node-bootstrap; do
		[ -f "$work/programs/$program" ] || fail "unpacking $url: it has no $program at its top"
	done
	mkdir -p "$bin"
	# One that runs stays as it is: the new one takes its name.
	for program in ecr-credential-provider ecr-node-bootstrap; do
		cp "$work/programs/$program" "$bin/.$program.new"
		chmod 0755 "$bin/.$program.new"
		mv -f "$bin/.$program.new" "$bin/$program"
	done
fi
for program in ecr-credential-provider ecr-node-bootstrap; do
	[ -x "$bin/$program" ] || fail "there is no $bin/$program; hint: bake it in, or name an archive"
done

"$bin/ecr-node-bootstrap" install{{with .Bootstrap}} -f "$bootstrap"{{end}} --plugin "$bin/ecr-credential-provider"
{{- with .Distribution}} --distribution {{shell .}}{{end}}
{{- with .KubeletVersion}} --kubelet-version {{shell .}}{{end}}
{{- if .Restart}} --restart{{end}} --yes
