-- A package reported as a mis-send, and the documents in it, go nowhere until the
-- report is decided. mark is what is frozen: the package, a document, or bytes.
CREATE TABLE dispatch_freeze (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  package_id TEXT NOT NULL,
  mark TEXT NOT NULL,
  active BOOLEAN NOT NULL
);
CREATE UNIQUE INDEX dispatch_freeze_of ON dispatch_freeze (package_id, mark);
CREATE INDEX dispatch_freeze_mark ON dispatch_freeze (mark, id);

-- What nearly went wrong (ヒヤリハット), once for each cause. slot is what makes a
-- second look at the same package the same event.
CREATE TABLE dispatch_near (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  package_id TEXT NOT NULL,
  party_id TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  department_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  cause TEXT NOT NULL,
  day DATE NOT NULL,
  month TEXT NOT NULL,
  slot TEXT NOT NULL
);
CREATE UNIQUE INDEX dispatch_near_slot ON dispatch_near (slot);
CREATE INDEX dispatch_near_day ON dispatch_near (day, id);
CREATE INDEX dispatch_near_department ON dispatch_near (department_id, day, id);
CREATE INDEX dispatch_near_package ON dispatch_near (package_id, id);
