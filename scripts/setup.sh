#!/bin/sh
# Makes this checkout ready to run: system packages, the environment in .venv/, the models' weights.
# Idempotent, and quick when there is nothing to do. Called by `make setup`; with "tests" also what only tests need.
set -eu
cd "$(dirname "$0")/.."
umask 022
for_tests=${1:-}

say() { printf '%s\n' "setup: $*"; }
fail() { printf '%s\n' "setup: $*" >&2; exit 1; }

# A Python from 3.11 to 3.13 that can make environments.
find_python() {
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 /usr/bin/python3; do
        [ -n "$candidate" ] && "$candidate" - 2>/dev/null <<'CHECK' && { echo "$candidate"; return; }
import sys, ensurepip, venv
sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
CHECK
    done
    return 0
}

missing_packages() {
    [ -n "$(find_python)" ] || printf ' python3 python3-venv'
    if [ -z "${POCKETID_AMQP_URL:-}" ]; then
        [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || printf ' rabbitmq-server'
    fi
    command -v setpriv >/dev/null || printf ' util-linux'
    if [ "$for_tests" = tests ]; then
        command -v chromium >/dev/null || printf ' chromium'
        command -v vips >/dev/null || printf ' libvips-tools'
    fi
}

install_packages() {
    packages=$1
    command -v apt-get >/dev/null || fail "please install:$packages (there is no apt-get here), then run this again"
    as_root=""
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "please run as root: apt-get install$packages"
        as_root=sudo
    fi
    say "installing$packages"
    # The broker's package would start a default broker now, and at every boot. We run a private one of our own.
    policy=/usr/sbin/policy-rc.d
    ours=""
    if [ ! -e $policy ]; then
        ours=yes
        printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
        $as_root chmod 755 $policy
        trap '$as_root rm -f $policy' EXIT INT TERM
    fi
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q >/dev/null || say "apt-get update failed; going on"
    # shellcheck disable=SC2086  # a list of packages
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages >/dev/null ||
        fail "apt-get could not install:$packages"
    [ -z "$ours" ] || { $as_root rm -f $policy; trap - EXIT INT TERM; }
    case $packages in
    *rabbitmq-server*) [ ! -d /run/systemd/system ] || $as_root systemctl disable --quiet rabbitmq-server epmd.socket epmd.service 2>/dev/null || true ;;
    esac
}

# Runs a step unless the stamp says that it ran for exactly these inputs.
once() {
    stamp=.venv/.stamp-$1
    inputs=$2
    shift 2
    [ "$(cat "$stamp" 2>/dev/null)" = "$inputs" ] && return
    "$@"
    printf '%s' "$inputs" >"$stamp"
}

make_environment() {
    say "making the environment in .venv/ with $("$python" --version)"
    "$python" -m venv .venv
}

install_locked() {
    say "installing the locked packages (some minutes the first time)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
}

install_project() {
    say "installing the project itself"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-index --no-build-isolation --no-deps -e .
}

packages=$(missing_packages)
[ -z "$packages" ] || install_packages "$packages"
python=$(find_python)
[ -n "$python" ] || fail "a Python from 3.11 to 3.13 with venv is needed; name one: make setup PYTHON=/path/to/python3.12"
if ! .venv/bin/python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
    make_environment
fi
once packages "$(cksum <requirements.lock) $(pwd)" install_locked
once project "$(cksum <pyproject.toml) $(pwd)" install_project
.venv/bin/python scripts/fetch_weights.py
