#!/usr/bin/env bash
# Dynamic AWS credentials under leases, from an empty directory to an AWS account without a trace of them.
#
# Builds leasehold, starts an AWS emulator that enforces IAM, and goes through the whole life of the credentials,
# printing each command and its answer. Every claim is checked; the first that does not hold ends the script.
# Root token and keys are printed because they open nothing but this demo.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=steps.sh
source "$here/steps.sh"

build() {
    echo "Building leasehold (a cold build takes some minutes) …"
    (cd "$root" && cargo build --release --locked)
    target=$(cd "$root" && cargo metadata --format-version 1 --no-deps --locked |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
    python="$("$root/scripts/python-env")/bin/python"
}

# A directory of its own for each run, which is also HOME: no token is left in yours.
make_place() {
    place="$target/demo/$(date +%Y%m%d-%H%M%S)-$$"
    mkdir -p "$place/bin"
    ln -s "$target/release/leasehold" "$place/bin/leasehold"
    ln -s leasehold "$place/bin/vault"
    cp "$here"/*.hcl "$here"/*.json "$place"
    cd "$place"
    export HOME=$place PATH=$place/bin:$PATH
    unset VAULT_TOKEN VAULT_NAMESPACE VAULT_CACERT VAULT_FORMAT AWS_PROFILE AWS_SESSION_TOKEN
    export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
    local port
    port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    sed -i "s/:8200/:$port/" server.hcl
    export VAULT_ADDR=http://127.0.0.1:$port
}

clean_up() {
    local status=$?
    kill ${server:+"$server"} ${emulator:+"$emulator"} 2>/dev/null || true
    wait 2>/dev/null || true
    if [[ $status -ne 0 && -n ${place:-} ]]; then
        printf '\n--- the last lines of %s/server.log\n' "$place" >&2
        tail -n 20 "$place/server.log" >&2 2>/dev/null || true
    fi
    exit "$status"
}

start_emulator() {
    INITIAL_NO_AUTH_ACTION_COUNT=3 PYTHONUNBUFFERED=1 "${python%/*}/moto_server" -H 127.0.0.1 -p 0 >emulator.log 2>&1 &
    emulator=$!
    soon 60 "the AWS emulator listens" grep -q 'Running on' emulator.log
    AWS_ENDPOINT_URL=$(grep -o 'http://[0-9.:]*' emulator.log | head -n 1)
    export AWS_ENDPOINT_URL AWS_DEFAULT_REGION=us-east-1
    administrator=$(AWS_ACCESS_KEY_ID=unchecked AWS_SECRET_ACCESS_KEY=unchecked aws.py setup)
    passed "AWS has an administrator and a bucket" equal "$(wc -w <<<"$administrator")" 2
}

aws.py() { "$python" "$here/aws.py" "$@"; }
users() { AWS_ACCESS_KEY_ID=${administrator% *} AWS_SECRET_ACCESS_KEY=${administrator#* } aws.py users; }

# An emulator that cannot be asked has not answered «none».
users_number() {
    local names
    names=$(users) || return 1
    equal "$(grep -c . <<<"$names" || true)" "$1"
}

start_server() {
    printf '\n$ leasehold server -config=server.hcl &\n'
    leasehold server -config=server.hcl >>server.log 2>&1 &
    server=$!
    soon 30 "the server answers" answers_or_left
    kill -0 "$server" 2>/dev/null || fail "the server left"
}

# `status` leaves with 1 when nothing answers, with 2 when something sealed does.
answers_or_left() {
    local status=0
    leasehold status || status=$?
    ((status != 1)) || ! kill -0 "$server"
}

unseal() {
    local key
    for key in "${keys[@]:0:3}"; do
        run leasehold operator unseal "$key"
    done
    soon 5 "the server is unsealed" leasehold status
}

# Reads credentials of a role with a token: `issue token_a support key_a lease_a`.
issue() {
    with_token "$1" run leasehold read "aws/creds/$2"
    printf -v "$3" '%s %s' "$(field access_key)" "$(field secret_key)"
    printf -v "$4" '%s' "$(field lease_id)"
}

works() { with_key "$1" aws.py get monday.txt; }
writes() { with_key "$1" aws.py put probe.txt probe; }
lives() { with_token "$1" leasehold token lookup; }

a_server_on_an_encrypted_file() {
    chapter "A server on a new encrypted file"
    run leasehold version
    run vault version
    start_server
    run leasehold operator init
    mapfile -t keys < <(sed -n 's/^Unseal Key [0-9]*: //p' <<<"$answer")
    root_token=$(sed -n 's/^Initial Root Token: //p' <<<"$answer")
    passed "five keys and a root token" equal "${#keys[@]} ${root_token:0:4}" "5 hvs."
    local status=0
    attempt leasehold status || status=$?
    passed "a sealed server's status leaves with 2" equal "$status" 2
    unseal
    run leasehold status
    run leasehold login "$root_token"
    passed "the data file is its owner's alone" equal "$(stat -c %a data.db)" 600
}

an_aws_engine() {
    chapter "The AWS engine"
    run leasehold secrets -h
    local command
    for command in disable enable list move tune; do
        passed "secrets -h lists $command" grep -Eq "^ +$command +[A-Z]" <<<"$answer"
    done
    run leasehold secrets enable -h
    run leasehold secrets enable aws
    run leasehold secrets list
    passed "aws/ is mounted" equal "$(field aws/)" aws
    run leasehold path-help aws
    local path
    for path in config/root config/lease config/rotate-root roles creds sts; do
        passed "path-help tells of $path" grep -q "$path" <<<"$answer"
    done
    run leasehold write aws/config/root access_key="${administrator% *}" secret_key="${administrator#* }" \
        region=us-east-1 iam_endpoint="$AWS_ENDPOINT_URL" sts_endpoint="$AWS_ENDPOINT_URL"
    run leasehold read aws/config/root
    passed "the secret key is not read back" not grep -qF "${administrator#* }" <<<"$answer"
    run leasehold write aws/config/lease lease=1h lease_max=24h
    run leasehold write aws/roles/support policy=@support-policy.json
    run leasehold write aws/roles/webapp credential_type=iam_user policy_document=@webapp-policy.json
    run leasehold list aws/roles
}

policies_and_tokens() {
    chapter "Policies and tokens"
    run leasehold policy write support support.hcl
    run leasehold policy write webapp webapp.hcl
    run leasehold policy write delegate delegate.hcl
    run leasehold token create -policy=support
    support=$(field token)
    run leasehold token create -policy=webapp
    webapp=$(field token)
    with_token support refused 'permission denied' leasehold read aws/creds/webapp
}

keys_that_do_what_they_may() {
    chapter "Keys that do what they may, and nothing else"
    issue support support reader reader_lease
    passed "the key is good for an hour" equal "$(field lease_duration)" 1h
    passed "the lease is named after its path" grep -q '^aws/creds/support/' <<<"$reader_lease"
    issue webapp webapp writer writer_lease
    with_key reader run aws.py get monday.txt
    passed "the reader reads" equal "$answer" "All is well."
    with_key reader refused AccessDenied aws.py put tuesday.txt "Still well."
    with_key writer run aws.py put tuesday.txt "Still well."
    with_key writer refused AccessDenied aws.py get tuesday.txt
    passed "AWS has two users" users_number 2
}

a_lease_from_renewal_to_revocation() {
    chapter "A lease: look at it, renew it, revoke it"
    run leasehold lease renew -h
    run leasehold lease lookup "$reader_lease"
    passed "the lease is found" equal "$(field id)" "$reader_lease"
    with_token support run leasehold lease renew "$reader_lease"
    passed "good for another hour" equal "$(field lease_duration)" 1h
    run leasehold lease renew -increment=48h "$reader_lease"
    passed "but not beyond 24 h after it was made" grep -Eq '^lease_duration +(24h|23h59m[0-9]+s)' <<<"$answer"
    with_token support refused 'permission denied' leasehold lease revoke "$reader_lease"
    run leasehold lease revoke "$reader_lease"
    soon 2 "the key stops working at AWS" not works reader
    soon 2 "its user is gone" users_number 1
    with_key reader refused InvalidAccessKeyId aws.py get monday.txt

    issue support support reader reader_lease
    run leasehold lease revoke -sync "$reader_lease"
    echo "(-sync has waited: the key is gone already)"
    with_key reader refused InvalidAccessKeyId aws.py get monday.txt
    issue support support reader reader_lease
    issue support support other_reader other_lease
    run leasehold lease revoke -prefix aws/creds/support
    soon 2 "every key of the role is gone" users_number 1
    passed "the other role's key still works" writes writer
}

# A makes B, B makes C, each for longer than the one above it, and each reads credentials.
plant_tree() {
    run leasehold token create -policy=support -policy=delegate -ttl="$1"
    token_a=$(field token)
    with_token token_a run leasehold token create -policy=support -policy=delegate -ttl=2h
    token_b=$(field token)
    with_token token_b run leasehold token create -policy=support -policy=delegate -ttl=3h
    token_c=$(field token)
    issue token_a support key_a lease_a
    issue token_b support key_b lease_b
    issue token_c support key_c lease_c
    passed "AWS has their three users" users_number 4
}

tree_is_dead() {
    echo "(in that instant: B and C are refused at once)"
    with_token token_b refused 'permission denied' leasehold token lookup
    with_token token_c refused 'permission denied' leasehold read aws/creds/support
    soon 5 "every credential below A is gone from AWS" users_number 1
    with_key key_c refused InvalidAccessKeyId aws.py get monday.txt
}

a_tree_that_dies_with_its_root() {
    chapter "The tree: revoke A, and B and C die with it"
    plant_tree 1h
    run leasehold token revoke "$token_a"
    tree_is_dead

    chapter "The tree again: A expires, and B and C die with it"
    plant_tree 10s
    passed "C works while A lives" lives token_c
    soon 15 "A expires" not lives token_a
    tree_is_dead
}

a_server_that_was_away() {
    chapter "What falls due while the server is down"
    run leasehold token create -policy=support -ttl=5s
    brief=$(field token)
    issue brief support brief_key brief_lease
    printf '\n$ kill -9 %s\n' "$server"
    kill -9 "$server"
    wait "$server" 2>/dev/null || true
    echo "(the server stays down until the lease is overdue)"
    sleep 6
    passed "the key still works: nobody was there to revoke it" works brief_key
    start_server
    unseal
    soon 5 "what fell due is revoked" users_number 1
    with_key brief_key refused InvalidAccessKeyId aws.py get monday.txt
    with_key writer run aws.py put wednesday.txt "The writer's lease outlived the restart."
}

tuned_moved_and_disabled() {
    chapter "Tune, move, disable"
    run leasehold secrets tune -max-lease-ttl=48h aws/
    run leasehold secrets move aws/ cloud/
    run leasehold secrets list
    passed "the mount has moved" equal "$(field cloud/)$(field aws/)" aws
    run leasehold lease lookup "cloud/creds/webapp/${writer_lease##*/}"
    passed "its leases live on" writes writer
    run leasehold read cloud/creds/support
    passed "AWS has two users" users_number 2
    run leasehold secrets disable cloud/
    soon 5 "disabling revoked what was left" users_number 0
    with_key writer refused InvalidAccessKeyId aws.py put thursday.txt "Too late."
}

nothing_in_clear() {
    chapter "What the file and the log tell"
    local word
    for word in "$root_token" "${administrator#* }" "${administrator% *}" "$support" "${writer#* }" ReadReports webapp; do
        passed "not in the data file: $word" not grep -qaF -- "$word" data.db*
    done
    for word in "$root_token" "${administrator#* }" "${keys[0]}" "$support" "${writer#* }"; do
        passed "not in the log: $word" not grep -qF -- "$word" server.log
    done
}

build
make_place
trap clean_up EXIT
trap 'exit 130' INT TERM
start_emulator
a_server_on_an_encrypted_file
an_aws_engine
policies_and_tokens
keys_that_do_what_they_may
a_lease_from_renewal_to_revocation
a_tree_that_dies_with_its_root
a_server_that_was_away
tuned_moved_and_disabled
nothing_in_clear

printf '\n\nThe data and the log stay in %s\n%d checks passed\n' "$place" "$checks"
