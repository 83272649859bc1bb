-- What mail servers sent back about a mail, with the right code in its address.
-- The same message twice is one row.
CREATE TABLE dispatch_bounce (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  package_id TEXT NOT NULL,
  item_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  why TEXT NOT NULL,
  status TEXT NOT NULL,
  recipient BYTEA NOT NULL,
  reporter BYTEA NOT NULL,
  diagnostic BYTEA NOT NULL,
  digest TEXT NOT NULL,
  via TEXT NOT NULL,
  moved BOOLEAN NOT NULL,
  arrived_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX dispatch_bounce_once ON dispatch_bounce (item_id, digest);
CREATE INDEX dispatch_bounce_package ON dispatch_bounce (package_id, arrived_at, id);
CREATE INDEX dispatch_bounce_moved ON dispatch_bounce (kind, moved, arrived_at, id);

-- How many messages came in on one day, and what they were; the id is the day.
CREATE TABLE dispatch_bounce_tally (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  taken BIGINT NOT NULL,
  doubled BIGINT NOT NULL,
  forged BIGINT NOT NULL,
  unread BIGINT NOT NULL
);
