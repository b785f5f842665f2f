# Starts `stanzagate dev` for scripts/test-description and scripts/test-clients, which source this file after packages.sh.
# shellcheck shell=bash disable=SC2034

target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target/tools"
tools=$(cd "$target/tools" && pwd)

# Builds and starts it with these arguments; it ends with the script. What it says of itself is in RIG, its files and
# whatever else the script leaves in $folder.
start_rig() {
    cargo build --locked --quiet
    folder=$(mktemp -d)
    "$target/debug/stanzagate" dev --json "$@" >"$folder/rig.json" 2>"$folder/rig.log" &
    rig=$!
    trap 'kill "$rig" 2>/dev/null; wait "$rig" || true; rm -rf "$folder"' EXIT
    until [ -s "$folder/rig.json" ]; do
        kill -0 "$rig" 2>/dev/null || die "stanzagate dev ended: $(cat "$folder/rig.log")"
        sleep 0.2
    done
    RIG=$(cat "$folder/rig.json")
    export RIG
}

# What the rig says at these places, such as ["http"].
of_rig() {
    python3 -c "import json, os; print(json.loads(os.environ['RIG'])$1)"
}
