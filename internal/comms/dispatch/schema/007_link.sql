-- A package by link keeps the portal's address it was approved with. A link is
-- what one recipient of it got instead of the files.
ALTER TABLE dispatch ADD COLUMN portal TEXT NOT NULL DEFAULT '';

CREATE TABLE dispatch_link (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  package_id TEXT NOT NULL,
  item_id TEXT NOT NULL,
  party_id TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  department_id TEXT NOT NULL,
  point_id TEXT NOT NULL,
  serial BIGINT NOT NULL,
  locator TEXT NOT NULL,
  hash TEXT NOT NULL,
  class TEXT NOT NULL,
  own BOOLEAN NOT NULL,
  ends_on DATE NOT NULL,
  most BIGINT NOT NULL,
  opens BIGINT NOT NULL,
  downloads BIGINT NOT NULL,
  opened_at BIGINT NOT NULL,
  withdrawn_at BIGINT NOT NULL,
  withdrawn_by TEXT NOT NULL,
  reason BYTEA NOT NULL,
  locked_until BIGINT NOT NULL,
  asked_on DATE NOT NULL,
  asked BIGINT NOT NULL
);
CREATE UNIQUE INDEX dispatch_link_locator ON dispatch_link (locator);
CREATE UNIQUE INDEX dispatch_link_item ON dispatch_link (item_id, serial);
CREATE INDEX dispatch_link_package ON dispatch_link (package_id, id);
CREATE INDEX dispatch_link_point ON dispatch_link (point_id, id);

-- Machine mail about a link goes to the very delivery point the link is for.
ALTER TABLE dispatch_notice ADD COLUMN point_id TEXT NOT NULL DEFAULT '';
ALTER TABLE dispatch_notice ADD COLUMN secret BYTEA NOT NULL DEFAULT '';
CREATE INDEX dispatch_notice_point ON dispatch_notice (point_id, state, id);
