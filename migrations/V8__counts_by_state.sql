-- How many leases there are by mount, kind and state (scope 6; `part` is kind and state), and how many leases of secrets are dead
-- and not ended outside yet, by where their credentials live (scope 7). Kept with every change, so that asking costs the same
-- however many there are.

INSERT INTO counts SELECT 6, mount, CAST(kind || ',' || state AS BLOB), count(*) FROM leases GROUP BY mount, kind, state;
INSERT INTO counts SELECT 7, coalesce(target, mount), x'', count(*) FROM leases
    WHERE kind = 2 AND state IN (3, 4) GROUP BY coalesce(target, mount);

CREATE TRIGGER leases_counted_by_state AFTER INSERT ON leases BEGIN
    INSERT INTO counts VALUES (6, NEW.mount, CAST(NEW.kind || ',' || NEW.state AS BLOB), 1)
        ON CONFLICT (scope, key, part) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER leases_recounted_by_state AFTER UPDATE OF state ON leases WHEN NEW.state <> OLD.state BEGIN
    UPDATE counts SET count = count - 1
        WHERE scope = 6 AND key = OLD.mount AND part = CAST(OLD.kind || ',' || OLD.state AS BLOB);
    INSERT INTO counts VALUES (6, NEW.mount, CAST(NEW.kind || ',' || NEW.state AS BLOB), 1)
        ON CONFLICT (scope, key, part) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER leases_uncounted_by_state AFTER DELETE ON leases BEGIN
    UPDATE counts SET count = count - 1
        WHERE scope = 6 AND key = OLD.mount AND part = CAST(OLD.kind || ',' || OLD.state AS BLOB);
    DELETE FROM counts
        WHERE scope = 6 AND key = OLD.mount AND part = CAST(OLD.kind || ',' || OLD.state AS BLOB) AND count <= 0;
END;

CREATE TRIGGER leases_born_dying AFTER INSERT ON leases WHEN NEW.kind = 2 AND NEW.state IN (3, 4) BEGIN
    INSERT INTO counts VALUES (7, coalesce(NEW.target, NEW.mount), x'', 1)
        ON CONFLICT (scope, key, part) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER leases_dying AFTER UPDATE OF state ON leases
    WHEN NEW.kind = 2 AND NEW.state IN (3, 4) AND OLD.state NOT IN (3, 4) BEGIN
    INSERT INTO counts VALUES (7, coalesce(NEW.target, NEW.mount), x'', 1)
        ON CONFLICT (scope, key, part) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER leases_dead AFTER DELETE ON leases WHEN OLD.kind = 2 AND OLD.state IN (3, 4) BEGIN
    UPDATE counts SET count = count - 1 WHERE scope = 7 AND key = coalesce(OLD.target, OLD.mount) AND part = x'';
    DELETE FROM counts WHERE scope = 7 AND key = coalesce(OLD.target, OLD.mount) AND part = x'' AND count <= 0;
END;
