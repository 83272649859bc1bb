CREATE TABLE dispatch_notice_address (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  purpose TEXT NOT NULL,
  address BYTEA NOT NULL,
  address_x BYTEA NOT NULL,
  label BYTEA NOT NULL,
  state TEXT NOT NULL,
  proposed_by TEXT NOT NULL,
  confirmed_by TEXT NOT NULL,
  approved_by TEXT NOT NULL,
  confirmed_at BIGINT NOT NULL,
  retired_by TEXT NOT NULL,
  retired_at BIGINT NOT NULL
);
CREATE INDEX dispatch_notice_address_state ON dispatch_notice_address (purpose, state, id);
CREATE INDEX dispatch_notice_address_exact ON dispatch_notice_address (address_x, id);

CREATE TABLE dispatch_notice (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  template TEXT NOT NULL,
  address_id TEXT NOT NULL,
  state TEXT NOT NULL,
  about TEXT NOT NULL,
  what TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  leaf BIGINT NOT NULL,
  seen_from BIGINT NOT NULL,
  seen_until BIGINT NOT NULL,
  seen_count BIGINT NOT NULL,
  note BYTEA NOT NULL,
  not_before BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  lost BIGINT NOT NULL,
  fence BIGINT NOT NULL,
  lease_until BIGINT NOT NULL,
  marked_at BIGINT NOT NULL,
  settled_at BIGINT NOT NULL,
  bytes_digest TEXT NOT NULL,
  reason TEXT NOT NULL,
  relay TEXT NOT NULL,
  reply BYTEA NOT NULL,
  queue_id TEXT NOT NULL
);
CREATE INDEX dispatch_notice_created ON dispatch_notice (created_at, id);
CREATE INDEX dispatch_notice_due ON dispatch_notice (state, not_before, id);
CREATE INDEX dispatch_notice_settled ON dispatch_notice (state, settled_at, id);
CREATE INDEX dispatch_notice_to ON dispatch_notice (address_id, state, id);
