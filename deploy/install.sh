#!/bin/sh
# Installs booking-exporter below /opt/booking-exporter, each version beside the others, and switches between them.
#
#   install.sh [install] [WHEEL]   install or upgrade, from this checkout or from a wheel that `make build` made
#   install.sh rollback [RELEASE]  go back to the version that was there before, or to the one named
#   install.sh list                show the versions that are installed, * for the one in use
#   install.sh remove              remove the program; configuration and state stay
#
# Nothing else is touched: configuration, state and systemd units are yours (see systemd/README.md). Every package is
# checked against the hashes in requirements.lock beside this file.
#
# Environment: ROOT puts everything below another directory; PYTHON chooses the Python (3.11 or newer); CONFIG is the
# configuration that an upgrade must understand (/etc/booking-exporter/config.yaml); KEEP is how many versions are kept
# (3); UV=uv installs with uv, which is faster than pip. pip and uv read their own variables: PIP_NO_INDEX=1
# PIP_FIND_LINKS=DIR installs from a directory on a host without a network.
set -eu
umask 022

ROOT=${ROOT:-}
CONFIG=${CONFIG:-$ROOT/etc/booking-exporter/config.yaml}
KEEP=${KEEP:-3}
HERE=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
HOME_DIR=$ROOT/opt/booking-exporter
RELEASES=$HOME_DIR/releases
SHARED="man/man1/booking-exporter.1 bash-completion/completions/booking-exporter zsh/site-functions/_booking-exporter
fish/vendor_completions.d/booking-exporter.fish"

say() { printf '%s\n' "install.sh: $*" >&2; }
die() { say "$@"; exit 1; }

# Another environment at this place would go on being what the service runs, with the new version beside it.
# Its files may be in use by a running service, so it is for people to move it.
alone() {
    for path in "$HOME_DIR/pyvenv.cfg" "$HOME_DIR/bin" "$HOME_DIR/current" "$HOME_DIR/previous"; do
        if [ -e "$path" ] && [ ! -L "$path" ]; then
            die "$path is there, but not from this script: $HOME_DIR holds another installation (of python3 -m venv?)." \
                "Nothing was changed. Move it out of the way and call the script again; the state is not in it:
systemctl stop booking-exporter; mv $HOME_DIR $HOME_DIR.old && $0 $*; systemctl start booking-exporter"
        fi
    done
}

# The first Python that is new enough, can make a virtual environment, and lies where the service's user may go: one
# below /root, as version managers put it, would only run for root.
SUITABLE='
import ensurepip, os, sys, venv
folder, closed = os.path.dirname(os.path.realpath(sys.executable)), False
while sys.argv[1] == "" and folder != "/" and not closed:
    folder, closed = os.path.dirname(folder), not os.stat(folder).st_mode & 0o001
sys.exit(sys.version_info < (3, 11) or closed)
'
find_python() {
    for found in ${PYTHON:-python3.14 python3.13 python3.12 python3.11 python3 /usr/bin/python3}; do
        if "$found" -c "$SUITABLE" "$ROOT" 2>/dev/null; then
            printf '%s\n' "$found"
            return
        fi
    done
    die "no Python 3.11 or newer with venv that every user may run was found: on Debian or Ubuntu," \
        "apt-get install python3-venv"
}

# packages DIR ARGUMENTS…: install into the environment DIR.
packages() {
    environment=$1
    shift
    if [ -n "${UV:-}" ]; then
        UV_COMPILE_BYTECODE="${UV_COMPILE_BYTECODE:-1}" "$UV" pip install --quiet --python "$environment/bin/python" "$@"
    else
        "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "$@"
    fi
}

environment() {
    if [ -n "${UV:-}" ]; then "$UV" venv --quiet --python "$python" "$1"; else "$python" -m venv "$1"; fi
}

# Build the wheel of this checkout into the directory $1.
build() {
    [ -f "$HERE/../pyproject.toml" ] || die "this is no checkout: name the wheel, install.sh install WHEEL"
    environment "$1/build"
    packages "$1/build" --require-hashes --only-binary :all: -r "$HERE/build.lock"
    (cd "$HERE/.." && "$1/build/bin/python" -m hatchling build -t wheel -d "$1" >/dev/null)
}

install_release() {
    python=$(find_python)
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 130' INT TERM
    wheel=${1:-}
    if [ -z "$wheel" ]; then
        build "$scratch"
        wheel=$(echo "$scratch"/booking_exporter-*.whl)
    fi
    [ -f "$wheel" ] || die "$wheel is no file"
    # One directory for the same wheel with the same dependencies, so that installing twice changes nothing.
    name=$(basename "$wheel" | cut -d - -f 2)-$(cat "$wheel" "$HERE/requirements.lock" | sha256sum | cut -c 1-8)
    release=$RELEASES/$name
    if [ ! -e "$release/complete" ]; then
        rm -rf "$release"
        mkdir -p "$RELEASES"
        trap 'rm -rf "$scratch" "$release"' EXIT
        environment "$release"
        packages "$release" --require-hashes --only-binary :all: -r "$HERE/requirements.lock"
        packages "$release" --no-deps "$wheel"
        try "$release"
        : >"$release/complete"
        trap 'rm -rf "$scratch"' EXIT
    fi
    switch "$name"
    tidy
}

# A version that does not start, or does not understand the configuration, is not put into use.
try() {
    "$1/bin/booking-exporter" --version >/dev/null || die "the new version does not start; nothing was changed"
    if [ -e "$CONFIG" ]; then
        code=0
        told=$("$1/bin/booking-exporter" check --config "$CONFIG" 2>&1) || code=$?
        [ "$code" -ne 2 ] || die "the new version refuses $CONFIG; nothing was changed:
$told"
    fi
}

# switch NAME: put a release into use, in one step.
switch() {
    now=$(current)
    if [ "$now" != "$1" ]; then
        [ -z "$now" ] || link "$now" "$HOME_DIR/previous" "$RELEASES"
        link "$1" "$HOME_DIR/current" "$RELEASES"
    fi
    ln -sfn current/bin "$HOME_DIR/bin"
    mkdir -p "$ROOT/usr/local/bin"
    ln -sfn "$HOME_DIR/bin/booking-exporter" "$ROOT/usr/local/bin/booking-exporter"
    for file in $SHARED; do
        mkdir -p "$ROOT/usr/local/share/$(dirname "$file")"
        ln -sfn "$HOME_DIR/current/share/$file" "$ROOT/usr/local/share/$file"
    done
    if [ "$now" = "$1" ]; then say "booking-exporter $1 is in use already"; return; fi
    say "booking-exporter $1 is in use; restart the service if it runs: systemctl restart booking-exporter"
}

# link NAME LINK DIR: let LINK point to DIR/NAME; a rename, so that it is never absent.
link() {
    ln -sfn "$3/$1" "$2.new"
    mv -T "$2.new" "$2"
}

current() { if [ -e "$HOME_DIR/current" ]; then basename "$(readlink "$HOME_DIR/current")"; fi; }
previous() { if [ -e "$HOME_DIR/previous" ]; then basename "$(readlink "$HOME_DIR/previous")"; fi; }

# Remove the oldest versions beyond KEEP, but neither the one in use nor the one before.
tidy() {
    # shellcheck disable=SC2012 # names of releases hold no odd characters
    for name in $(ls -1t "$RELEASES" | tail -n "+$((KEEP + 1))"); do
        if [ "$name" != "$(current)" ] && [ "$name" != "$(previous)" ]; then rm -rf "${RELEASES:?}/$name"; fi
    done
}

rollback() {
    name=${1:-$(previous)}
    [ -n "$name" ] || die "there is no version to go back to"
    [ -e "$RELEASES/$name/complete" ] || die "$name is not installed: install.sh list shows what is"
    switch "$name"
}

list() {
    for path in "$RELEASES"/*/complete; do
        [ -e "$path" ] || continue
        name=$(basename "$(dirname "$path")")
        if [ "$name" = "$(current)" ]; then echo "* $name"; else echo "  $name"; fi
    done
}

remove() {
    for link in "$ROOT/usr/local/bin/booking-exporter" $(for file in $SHARED; do echo "$ROOT/usr/local/share/$file"; done); do
        case "$(readlink "$link" || true)" in "$HOME_DIR"/*) rm -f "$link" ;; esac
    done
    rm -rf "$HOME_DIR"
    say "removed; the configuration in /etc/booking-exporter and the state in /var/lib/booking-exporter were left"
}

command=${1:-install}
[ "$#" -eq 0 ] || shift
case "$command" in
    install) alone install "$@"; install_release "$@" ;;
    rollback) alone install; rollback "$@" ;;
    list) list ;;
    remove) remove ;;
    *) die "unknown command $command: install, rollback, list or remove" ;;
esac
