ALTER TABLE dispatch_item ADD COLUMN lane TEXT NOT NULL DEFAULT '';
ALTER TABLE dispatch_item ADD COLUMN attention TEXT NOT NULL DEFAULT '';
ALTER TABLE dispatch_item ADD COLUMN attended_by TEXT NOT NULL DEFAULT '';
ALTER TABLE dispatch_item ADD COLUMN attended_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX dispatch_item_claimed ON dispatch_item (claimed_at, lane, id);
CREATE INDEX dispatch_item_message ON dispatch_item (message_id, id);
CREATE INDEX dispatch_item_attention ON dispatch_item (attention, settled_at, id);

CREATE TABLE dispatch_lane (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  domain BYTEA NOT NULL,
  domain_x BYTEA NOT NULL
);
CREATE UNIQUE INDEX dispatch_lane_domain ON dispatch_lane (domain_x);

CREATE TABLE dispatch_relay (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  failures BIGINT NOT NULL,
  rests_until BIGINT NOT NULL,
  reason TEXT NOT NULL,
  changed_at BIGINT NOT NULL
);

CREATE TABLE dispatch_log (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  path TEXT NOT NULL,
  holder TEXT NOT NULL,
  relays TEXT NOT NULL,
  head TEXT NOT NULL,
  head_size BIGINT NOT NULL,
  at_byte BIGINT NOT NULL,
  covered_from BIGINT NOT NULL,
  read_at BIGINT NOT NULL,
  alive_at BIGINT NOT NULL,
  ours_at BIGINT NOT NULL,
  traces BYTEA NOT NULL
);
