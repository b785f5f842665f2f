# Installs Debian packages for scripts/dev and scripts/test, which source this file. Everything it says goes to stderr.
# shellcheck shell=bash disable=SC2034

# Debian's packages of each server, as `stanzagate dev` needs them.
ejabberd_packages=(ejabberd erlang-p1-sqlite3 erlang-p1-oauth2)
prosody_packages=(prosody prosody-modules lua-dbi-sqlite3)
# What ejabberd keeps its data in for some tests.
sql_packages=(postgresql erlang-p1-pgsql)
# What the Rust compiler and the C parts of the dependencies need.
build_packages=(gcc libc6-dev)

started=$SECONDS
progress() { printf '[%4ds] %s\n' $((SECONDS - started)) "$*" >&2; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Runs a command as root.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "needs root, and there is no sudo, for: $*"
    fi
}

# Prints those of the given packages that are not installed, in the root file system $1.
missing_packages() {
    local root=$1 package
    shift
    for package; do
        dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${db:Status-Status}\n' "$package" 2>/dev/null |
            grep -qx installed || printf '%s\n' "$package"
    done
}

# Installs those of the given packages that are missing. A server that comes new is neither started nor set to start at
# boot: the rig runs it privately. A server that was there before is left alone.
install_packages() {
    local missing policy=/usr/sbin/policy-rc.d ours='' status=0 unit
    command -v apt-get >/dev/null || die "no apt-get here; install by hand what these Debian packages hold: $*"
    mapfile -t missing < <(missing_packages '' "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    progress "installing ${missing[*]}"
    if [ ! -e "$policy" ]; then
        ours=yes
        printf '#!/bin/sh\nexit 101\n' | as_root install -m 755 /dev/stdin "$policy"
        trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    { as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
        --no-install-recommends "${missing[@]}"; } >&2 || status=$?
    if [ -n "$ours" ]; then
        as_root rm -f "$policy"
        trap - EXIT
    fi
    [ "$status" = 0 ] || die "apt-get could not install: ${missing[*]}"
    if [ -d /run/systemd/system ]; then
        for unit in ejabberd prosody postgresql nginx nginx-light caddy; do
            case " ${missing[*]} " in *" $unit "*) as_root systemctl disable --quiet "${unit%-light}" || true ;; esac
        done
    fi
}

# Fails unless cargo is there, with the given further tools (rustfmt, clippy).
need_rust() {
    local component
    command -v cargo >/dev/null || die "cargo is not installed: see https://rustup.rs"
    for component; do
        if ! cargo "${component/rustfmt/fmt}" --version >/dev/null 2>&1; then
            command -v rustup >/dev/null || die "the Rust tool $component is not installed"
            progress "installing $component"
            rustup component add "$component" >&2 || die "rustup could not add $component"
        fi
    done
}
