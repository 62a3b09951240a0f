#!/usr/bin/env bash
# Database users under leases: two instances of an application, a user of its own for each, and a PostgreSQL without a trace of
# them in the end.
#
# Builds leasehold (or takes the one that LEASEHOLD names), starts a PostgreSQL of its own on a free port, and prints each
# command and its answer. Every claim is checked; the first that does not hold ends the script.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=../aws-dynamic-secrets/steps.sh
source "$root/examples/aws-dynamic-secrets/steps.sh"

build() {
    program=${LEASEHOLD:-}
    [[ -z $program ]] || return 0
    echo "Building leasehold (a cold build takes some minutes) …"
    (cd "$root" && cargo build --release --locked)
    program=$(cd "$root" && cargo metadata --format-version 1 --no-deps --locked |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/release/leasehold
}

# A directory of its own, which is also HOME: no token is left in yours.
make_place() {
    place=$(mktemp -d)
    chmod 755 "$place"
    mkdir "$place/bin" "$place/postgres"
    ln -s "$(realpath "$program")" "$place/bin/leasehold"
    cp "$here"/*.hcl "$here"/*.sql "$place"
    cd "$place"
    export HOME=$place PATH=$place/bin:$PATH
    unset VAULT_TOKEN VAULT_NAMESPACE VAULT_CACERT VAULT_FORMAT PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD
    export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
    VAULT_ADDR=http://127.0.0.1:$(free_port)
    export VAULT_ADDR
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

clean_up() {
    local status=$?
    kill ${server:+"$server"} 2>/dev/null || true
    [[ -z ${postgres:-} ]] || kill -QUIT "$postgres" 2>/dev/null || true
    wait 2>/dev/null || true
    if [[ $status -ne 0 && -n ${place:-} ]]; then
        printf '\n--- the last lines of the server and of PostgreSQL\n' >&2
        tail -n 20 "$place/server.log" "$place/postgres.log" >&2 2>/dev/null || true
    fi
    cd /
    rm -rf -- "${place:?}"
    exit "$status"
}

# PostgreSQL does not run as root: there it runs as the user that its package made.
as_postgres() {
    if ((EUID == 0)); then
        setpriv --reuid postgres --regid postgres --clear-groups -- "$@"
    else
        "$@"
    fi
}

# The newest PostgreSQL's programs; Debian keeps them off the path.
programs() { printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1; }

start_postgres() {
    local newest
    newest=$(programs)
    [[ ! -d $newest ]] || PATH=$PATH:$newest
    ((EUID != 0)) || chown postgres: postgres
    printf 'superuser' >password
    as_postgres initdb --pgdata=postgres --username=postgres --pwfile=password --auth=scram-sha-256 --no-sync >postgres.log 2>&1
    rm password
    PGPORT=$(free_port)
    export PGHOST=127.0.0.1 PGPORT
    # Not as a step of as_postgres in the background: the number has to be the server's own.
    local command=(postgres -D postgres -c listen_addresses=127.0.0.1 -c "port=$PGPORT" -c unix_socket_directories= -c fsync=off)
    if ((EUID == 0)); then
        setpriv --reuid postgres --regid postgres --clear-groups -- "${command[@]}" >>postgres.log 2>&1 &
    else
        "${command[@]}" >>postgres.log 2>&1 &
    fi
    postgres=$!
    soon 60 "PostgreSQL answers" pg_isready -q
    administrator -c 'CREATE DATABASE shop'
    administrator -d shop -f shop.sql
}

administrator() { PGPASSWORD=superuser psql -XqAt -v ON_ERROR_STOP=1 -U postgres "$@"; }
orders() { PGPASSWORD=${!1#* } psql -XqAt -U "${!1% *}" -d shop -c 'SELECT count(*) FROM orders'; }
users() { administrator -c "SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%' ORDER BY 1"; }
users_number() { equal "$(users | grep -c . || true)" "$1"; }

# Uses an instance's user in the database: `query one`.
query() { attempt orders "$1"; }

a_server_and_a_database() {
    chapter "A server, and a database that it may make users in"
    leasehold server -dev -dev-root-token-id=root -dev-no-store-token \
        -dev-listen-address="${VAULT_ADDR#http://}" >server.log 2>&1 &
    server=$!
    export VAULT_TOKEN=root
    soon 30 "the server answers" leasehold status
    run leasehold secrets enable database
    run leasehold write database/config/shop plugin_name=postgresql-database-plugin 'allowed_roles=shop*' \
        "connection_url=postgresql://{{username}}:{{password}}@127.0.0.1:$PGPORT/shop" \
        username=leasehold password=change-me
    run leasehold write -f database/rotate-root/shop
    local known="leasehold change-me"
    passed "the password that was given is good no more" not orders known
    run leasehold write database/roles/shop db_name=shop default_ttl=1h max_ttl=24h creation_statements=@user.sql
    run leasehold write database/roles/shop-brief db_name=shop default_ttl=3s creation_statements=@user.sql
    run leasehold policy write shop shop.hcl
}

# A token for an instance, and a user for it: `instance one`.
instance() {
    run leasehold token create -policy=shop -display-name="shop-$1" -ttl=2h
    printf -v "token_$1" '%s' "$(field token)"
    with_token "token_$1" run leasehold read database/creds/shop
    printf -v "user_$1" '%s %s' "$(field username)" "$(field password)"
    printf -v "lease_$1" '%s' "$(field lease_id)"
}

two_instances() {
    chapter "Two instances, and a user of its own for each"
    instance one
    instance two
    passed "they have different users" test "${user_one% *}" != "${user_two% *}"
    query user_one
    passed "the first reads its orders" equal "$answer" 3
    query user_two
    passed "so does the second" equal "$answer" 3
    passed "PostgreSQL has two users" users_number 2
    run leasehold lease tree
    passed "the tree shows the first instance's lease" grep -q "${lease_one##*/}" <<<"$answer"
    passed "and the second's" grep -q "${lease_two##*/}" <<<"$answer"
}

one_is_revoked() {
    chapter "One is revoked, and its open session ends with it"
    PGPASSWORD=${user_one#* } psql -XqAt -U "${user_one% *}" -d shop -c 'SELECT pg_sleep(600)' >/dev/null 2>&1 &
    local session=$!
    soon 10 "its session is open" equal_sessions 1
    run leasehold lease revoke -sync "$lease_one"
    passed "its session is over" not wait "$session"
    passed "it can sign in no more" not orders user_one
    query user_two
    passed "the second is as it was" equal "$answer" 3
    passed "PostgreSQL has one user" users_number 1
}

equal_sessions() {
    equal "$(administrator -c "SELECT count(*) FROM pg_stat_activity WHERE usename = '${user_one% *}'")" "$1"
}

one_expires() {
    chapter "One expires"
    with_token token_two run leasehold read database/creds/shop-brief
    brief="$(field username) $(field password)"
    passed "it works" orders brief
    soon 15 "it is gone by itself" users_number 1
    passed "it can sign in no more" not orders brief
}

a_token_takes_its_users_along() {
    chapter "The second instance's token is revoked, and its user goes with it"
    run leasehold token revoke "$token_two"
    soon 15 "no user is left" users_number 0
    run leasehold lease tree
    local word
    for word in "${user_one#* }" "${user_two#* }" "${brief#* }" change-me; do
        passed "not in the log: a password" not grep -qF -- "$word" server.log
    done
}

build
make_place
trap clean_up EXIT
trap 'exit 130' INT TERM
start_postgres
a_server_and_a_database
two_instances
one_is_revoked
one_expires
a_token_takes_its_users_along

printf '\n\n%d checks passed\n' "$checks"
