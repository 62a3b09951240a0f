# shellcheck shell=bash
# How run.sh shows a command, reads its answer, and checks what it claims. Sourced by it; nothing to run here.

checks=0
answer=

# The answer's value for a name: the second column of the command's table.
field() { awk -v name="$1" '$1 == name { print $2; exit }' <<<"$answer"; }

chapter() { printf '\n\n=== %s\n' "$*"; }

fail() {
    printf '\nFAILED: %s\n' "$*" >&2
    exit 1
}

# The command as one would type it: words that a shell would take apart are quoted.
typed() {
    local word line=''
    for word in "$@"; do
        [[ $word =~ ^[A-Za-z0-9_./:=@%+,\$*-]+$ ]] || word="'$word'"
        line+=" $word"
    done
    printf '%s' "${line# }"
}

# Prints the command and its answer; the answer stays in $answer. Returns what the command returned.
attempt() {
    local status=0
    printf '\n$ %s%s\n' "${as_whom:-}" "$(typed "$@")"
    answer=$("$@" 2>&1) || status=$?
    [[ -z $answer ]] || printf '%s\n' "$answer"
    return "$status"
}

# A command that must succeed.
run() { attempt "$@" || fail "«$(typed "$@")» left with $?"; }

# A command that must be refused: `refused 'permission denied' leasehold read …`.
refused() {
    local words=$1
    shift
    if attempt "$@"; then
        fail "«$(typed "$@")» should have been refused"
    fi
    passed "refused: $words" grep -qi -- "$words" <<<"$answer"
}

# Runs a step with another token or key: `with_token token_a run leasehold …`, the variable's name being shown.
with_token() {
    local as_whom="VAULT_TOKEN=\$$1 "
    VAULT_TOKEN=${!1} "${@:2}"
}

with_key() {
    local as_whom="AWS_ACCESS_KEY_ID=\$$1 … " pair="${!1}"
    AWS_ACCESS_KEY_ID=${pair%% *} AWS_SECRET_ACCESS_KEY=${pair##* } "${@:2}"
}

# `passed 'what is claimed' command…`: the command's success proves the claim.
passed() {
    local claim=$1
    shift
    "$@" || fail "$claim"
    checks=$((checks + 1))
    printf '  ok: %s\n' "$claim"
}

equal() {
    [[ $1 == "$2" ]] || {
        printf '  have: %s\n  want: %s\n' "$1" "$2"
        return 1
    }
}

# `soon SECONDS 'what is claimed' command…`: the claim becomes true in time.
soon() {
    local seconds=$1 claim=$2 begin
    shift 2
    begin=$(now)
    until "$@" >/dev/null 2>&1; do
        (($(now) - begin < seconds * 1000)) || fail "not within ${seconds}s: $claim"
        sleep 0.05
    done
    passed "$claim ($(($(now) - begin)) ms; at most ${seconds} s)" true
}

now() { date +%s%3N; }
not() { ! "$@"; }
