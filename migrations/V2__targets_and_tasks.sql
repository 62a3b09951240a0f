-- Where a leased credential lives (a keyed hash of the target's identity), so that what waits for one target is found by it;
-- and work that belongs to a mount and is found by its name.

ALTER TABLE leases ADD COLUMN target BLOB;

CREATE INDEX leases_by_target ON leases (target) WHERE target IS NOT NULL;

ALTER TABLE work ADD COLUMN mount BLOB;
ALTER TABLE work ADD COLUMN key BLOB;

CREATE UNIQUE INDEX work_by_key ON work (key) WHERE key IS NOT NULL;
CREATE INDEX work_by_mount ON work (mount) WHERE mount IS NOT NULL;
