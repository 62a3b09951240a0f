-- What is due is found by where its credential lives (the mount, where no target is known), so that what waits for one target
-- costs nothing while another is served. The state is in the index so that what is to be tried again is found in it alone.
DROP INDEX leases_by_due;
CREATE INDEX leases_by_due ON leases (kind, coalesce(target, mount), due, state) WHERE due IS NOT NULL;

-- Why leases end, where it was not their own time: one row for each thing that ended some, under a random key.
CREATE TABLE causes (
    key    BLOB PRIMARY KEY NOT NULL,
    at     INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX causes_by_time ON causes (at);

ALTER TABLE leases ADD COLUMN cause BLOB;

-- Keyed hashes of the outside names of leases that have ended: what bears such a name outside was ours.
CREATE TABLE ended (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    subject BLOB NOT NULL UNIQUE,
    at      INTEGER NOT NULL
) STRICT;
