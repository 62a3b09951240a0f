-- How many leases there are of what quotas hold for, kept by the store itself in every change of `leases`, so that asking is a
-- look at one row. Scopes: 1 mount, 2 role, 3 node, 4 entity, 5 entity on a mount (`part` is the entity; none is empty).

CREATE TABLE counts (
    scope INTEGER NOT NULL,
    key   BLOB NOT NULL,
    part  BLOB NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (scope, key, part)
) STRICT, WITHOUT ROWID;

INSERT INTO counts SELECT 1, mount, x'', count(*) FROM leases GROUP BY mount;
INSERT INTO counts SELECT 2, role, x'', count(*) FROM leases WHERE role IS NOT NULL GROUP BY role;
INSERT INTO counts SELECT 3, CAST(node AS BLOB), x'', count(*) FROM leases WHERE node <> 0 GROUP BY node;
INSERT INTO counts SELECT 4, x'', coalesce(entity, x''), count(*) FROM leases GROUP BY coalesce(entity, x'');
INSERT INTO counts SELECT 5, mount, coalesce(entity, x''), count(*) FROM leases GROUP BY mount, coalesce(entity, x'');

CREATE TRIGGER leases_counted AFTER INSERT ON leases BEGIN
    INSERT INTO counts VALUES (1, NEW.mount, x'', 1)
        ON CONFLICT (scope, key, part) DO UPDATE SET count = count + 1;
    INSERT INTO counts SELECT 2, NEW.role, x'', 1 WHERE NEW.role IS NOT NULL
        ON CONFLICT (scope, key, part) DO UPDATE SET count = count + 1;
    INSERT INTO counts SELECT 3, CAST(NEW.node AS BLOB), x'', 1 WHERE NEW.node <> 0
        ON CONFLICT (scope, key, part) DO UPDATE SET count = count + 1;
    INSERT INTO counts VALUES (4, x'', coalesce(NEW.entity, x''), 1)
        ON CONFLICT (scope, key, part) DO UPDATE SET count = count + 1;
    INSERT INTO counts VALUES (5, NEW.mount, coalesce(NEW.entity, x''), 1)
        ON CONFLICT (scope, key, part) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER leases_uncounted AFTER DELETE ON leases BEGIN
    UPDATE counts SET count = count - 1 WHERE scope = 1 AND key = OLD.mount AND part = x'';
    UPDATE counts SET count = count - 1 WHERE scope = 2 AND key = OLD.role AND part = x'';
    UPDATE counts SET count = count - 1 WHERE scope = 3 AND key = CAST(OLD.node AS BLOB) AND part = x'';
    UPDATE counts SET count = count - 1 WHERE scope = 4 AND key = x'' AND part = coalesce(OLD.entity, x'');
    UPDATE counts SET count = count - 1 WHERE scope = 5 AND key = OLD.mount AND part = coalesce(OLD.entity, x'');
    DELETE FROM counts WHERE scope = 1 AND key = OLD.mount AND part = x'' AND count <= 0;
    DELETE FROM counts WHERE scope = 2 AND key = OLD.role AND part = x'' AND count <= 0;
    DELETE FROM counts WHERE scope = 3 AND key = CAST(OLD.node AS BLOB) AND part = x'' AND count <= 0;
    DELETE FROM counts WHERE scope = 4 AND key = x'' AND part = coalesce(OLD.entity, x'') AND count <= 0;
    DELETE FROM counts WHERE scope = 5 AND key = OLD.mount AND part = coalesce(OLD.entity, x'') AND count <= 0;
END;

-- Further outside names of a lease (an access key id beside the user's name): keyed hashes, as `leases.subject`.
CREATE TABLE subjects (
    subject BLOB NOT NULL,
    lease   INTEGER NOT NULL,
    PRIMARY KEY (subject, lease)
) STRICT, WITHOUT ROWID;

CREATE INDEX subjects_by_lease ON subjects (lease);

CREATE TRIGGER leases_unnamed AFTER DELETE ON leases BEGIN
    DELETE FROM subjects WHERE lease = OLD.id;
END;

-- Answers that a client may ask for again by its idempotency key, for some minutes, and no longer than their lease lives.
CREATE TABLE answers (
    key     BLOB PRIMARY KEY NOT NULL,
    lease   INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    sealed  BLOB NOT NULL
) STRICT;

CREATE INDEX answers_by_lease ON answers (lease);
CREATE INDEX answers_by_expiry ON answers (expires);

CREATE TRIGGER leases_silenced AFTER UPDATE OF state ON leases WHEN NEW.state <> 2 BEGIN
    DELETE FROM answers WHERE lease = NEW.id;
END;

CREATE TRIGGER leases_forgotten AFTER DELETE ON leases BEGIN
    DELETE FROM answers WHERE lease = OLD.id;
END;
