-- 案内状: which partners were told that documents come by link, by which way.
CREATE TABLE dispatch_told (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  party_id TEXT NOT NULL,
  way TEXT NOT NULL,
  package_id TEXT NOT NULL,
  told_on DATE NOT NULL,
  person TEXT NOT NULL,
  reason BYTEA NOT NULL
);
CREATE INDEX dispatch_told_party ON dispatch_told (party_id, created_at, id);
CREATE INDEX dispatch_link_party ON dispatch_link (party_id, id);

-- 1回限りの宛先: an address outside the register that two people let one sending
-- go to.
CREATE TABLE dispatch_once (
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
  address BYTEA NOT NULL,
  address_x BYTEA NOT NULL,
  content TEXT NOT NULL,
  reason BYTEA NOT NULL,
  person TEXT NOT NULL,
  approver TEXT NOT NULL,
  until_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL
);
CREATE INDEX dispatch_once_item ON dispatch_once (item_id, id);
CREATE INDEX dispatch_once_address ON dispatch_once (address_x, created_at, id);
CREATE INDEX dispatch_once_party ON dispatch_once (party_id, created_at, id);
CREATE INDEX dispatch_once_made ON dispatch_once (created_at, id);
