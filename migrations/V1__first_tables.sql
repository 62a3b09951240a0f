-- The first tables. Every name and value is sealed or hashed before it comes here; clear columns are what queries ask by.
-- Moments are milliseconds since the Unix epoch.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE keyring (
    term    INTEGER PRIMARY KEY NOT NULL,
    created INTEGER NOT NULL,
    wrapped BLOB NOT NULL
) STRICT;

CREATE TABLE mounts (
    key       BLOB PRIMARY KEY NOT NULL,
    namespace INTEGER NOT NULL DEFAULT 0,
    sealed    BLOB NOT NULL
) STRICT;

CREATE TABLE policies (
    key       BLOB PRIMARY KEY NOT NULL,
    namespace INTEGER NOT NULL DEFAULT 0,
    sealed    BLOB NOT NULL
) STRICT;

CREATE TABLE audit_devices (
    key       BLOB PRIMARY KEY NOT NULL,
    namespace INTEGER NOT NULL DEFAULT 0,
    sealed    BLOB NOT NULL
) STRICT;

-- One tree of names. A child's id is always larger than its parent's; the top of a mount is parent 0.
CREATE TABLE nodes (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace   INTEGER NOT NULL DEFAULT 0,
    mount       BLOB NOT NULL,
    parent      INTEGER NOT NULL,
    name        BLOB NOT NULL,
    sealed_name BLOB NOT NULL,
    UNIQUE (mount, parent, name)
) STRICT;

CREATE INDEX nodes_by_parent ON nodes (parent, mount);

CREATE TABLE records (
    node    INTEGER PRIMARY KEY NOT NULL REFERENCES nodes (id),
    sealed  BLOB NOT NULL,
    expires INTEGER
) STRICT;

-- kind: 1 token, 2 secret. state: 1 pending, 2 active, 3 revoking, 4 irrevocable.
CREATE TABLE leases (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace INTEGER NOT NULL DEFAULT 0,
    key       BLOB NOT NULL UNIQUE,
    parent    INTEGER NOT NULL,
    mount     BLOB NOT NULL,
    node      INTEGER NOT NULL,
    kind      INTEGER NOT NULL,
    state     INTEGER NOT NULL,
    issued    INTEGER NOT NULL,
    expires   INTEGER,
    maximum   INTEGER,
    due       INTEGER,
    attempts  INTEGER NOT NULL DEFAULT 0,
    accessor  BLOB,
    entity    BLOB,
    role      BLOB,
    subject   BLOB,
    sealed    BLOB NOT NULL
) STRICT;

-- The state is in the indexes below so that marking a page of active rows never walks over those marked before.
CREATE INDEX leases_by_parent ON leases (parent, state) WHERE parent <> 0;
CREATE INDEX leases_by_node ON leases (node, state) WHERE node <> 0;
CREATE INDEX leases_by_mount ON leases (mount, kind, state);
CREATE INDEX leases_by_kind ON leases (kind);
CREATE INDEX leases_by_due ON leases (due) WHERE due IS NOT NULL;
CREATE INDEX leases_pending ON leases (state) WHERE state = 1;
CREATE UNIQUE INDEX leases_by_accessor ON leases (accessor) WHERE accessor IS NOT NULL;
CREATE INDEX leases_by_entity ON leases (entity) WHERE entity IS NOT NULL;
CREATE INDEX leases_by_role ON leases (role) WHERE role IS NOT NULL;
CREATE INDEX leases_by_subject ON leases (subject) WHERE subject IS NOT NULL;

CREATE TABLE work (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace INTEGER NOT NULL DEFAULT 0,
    kind      TEXT NOT NULL,
    due       INTEGER,
    attempts  INTEGER NOT NULL DEFAULT 0,
    claim     INTEGER,
    sealed    BLOB NOT NULL
) STRICT;

CREATE INDEX work_by_due ON work (due) WHERE due IS NOT NULL;
