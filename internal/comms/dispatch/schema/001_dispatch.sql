CREATE TABLE dispatch (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  party_id TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  department_id TEXT NOT NULL,
  state TEXT NOT NULL,
  channel TEXT NOT NULL,
  purpose TEXT NOT NULL,
  class TEXT NOT NULL,
  from_name BYTEA NOT NULL,
  from_address BYTEA NOT NULL,
  subject BYTEA NOT NULL,
  body BYTEA NOT NULL,
  digest TEXT NOT NULL,
  check_id TEXT NOT NULL,
  confirmed_by TEXT NOT NULL,
  confirmed_at BIGINT NOT NULL,
  request_id TEXT NOT NULL,
  held_until BIGINT NOT NULL,
  reason TEXT NOT NULL
);
CREATE INDEX dispatch_created ON dispatch (created_at, id);
CREATE INDEX dispatch_by_owner ON dispatch (owner_id, created_at, id);
CREATE INDEX dispatch_by_department ON dispatch (department_id, created_at, id);
CREATE INDEX dispatch_by_party ON dispatch (party_id, created_at, id);
CREATE INDEX dispatch_by_state ON dispatch (state, created_at, id);

CREATE TABLE dispatch_item (
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
  place BIGINT NOT NULL,
  kind TEXT NOT NULL,
  proposed BYTEA NOT NULL,
  point_id TEXT NOT NULL,
  address BYTEA NOT NULL,
  state TEXT NOT NULL,
  not_before BIGINT NOT NULL,
  first_try BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  holder TEXT NOT NULL,
  fence BIGINT NOT NULL,
  lease_until BIGINT NOT NULL,
  claimed_at BIGINT NOT NULL,
  marked_at BIGINT NOT NULL,
  settled_at BIGINT NOT NULL,
  message_id TEXT NOT NULL,
  bytes_digest TEXT NOT NULL,
  reason TEXT NOT NULL,
  relay TEXT NOT NULL,
  reply BYTEA NOT NULL,
  queue_id TEXT NOT NULL,
  tls TEXT NOT NULL,
  resolved_by TEXT NOT NULL,
  evidence BYTEA NOT NULL
);
CREATE UNIQUE INDEX dispatch_item_place ON dispatch_item (package_id, place);
CREATE INDEX dispatch_item_due ON dispatch_item (state, not_before, id);
CREATE INDEX dispatch_item_point ON dispatch_item (point_id, state, id);
CREATE INDEX dispatch_item_settled ON dispatch_item (state, settled_at, id);
CREATE INDEX dispatch_item_party ON dispatch_item (party_id, state, settled_at, id);

CREATE TABLE dispatch_file (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  package_id TEXT NOT NULL,
  place BIGINT NOT NULL,
  document_id TEXT NOT NULL,
  document_party TEXT NOT NULL,
  digest BYTEA NOT NULL,
  digest_x BYTEA NOT NULL,
  name BYTEA NOT NULL,
  media TEXT NOT NULL,
  kind TEXT NOT NULL,
  number TEXT NOT NULL,
  amount BIGINT NOT NULL,
  date DATE NOT NULL,
  class TEXT NOT NULL
);
CREATE UNIQUE INDEX dispatch_file_place ON dispatch_file (package_id, place);
CREATE INDEX dispatch_file_digest ON dispatch_file (digest_x, id);
CREATE INDEX dispatch_file_number ON dispatch_file (number, id);

CREATE TABLE dispatch_check (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  package_id TEXT NOT NULL,
  digest TEXT NOT NULL,
  person TEXT NOT NULL,
  register TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  used BOOLEAN NOT NULL,
  findings BYTEA NOT NULL
);
CREATE INDEX dispatch_check_package ON dispatch_check (package_id, id);

CREATE TABLE dispatch_stop (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  stopped BOOLEAN NOT NULL,
  person TEXT NOT NULL,
  reason BYTEA NOT NULL
);
