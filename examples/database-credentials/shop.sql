-- The application's database, and what leasehold needs there: see docs/database-postgresql.md.
CREATE TABLE orders (id int PRIMARY KEY);
INSERT INTO orders VALUES (1), (2), (3);

CREATE ROLE shop_reader NOLOGIN;
GRANT USAGE ON SCHEMA public TO shop_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO shop_reader;

CREATE ROLE leasehold LOGIN CREATEROLE PASSWORD 'change-me';
GRANT shop_reader TO leasehold WITH ADMIN OPTION;
