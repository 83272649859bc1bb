-- 取引先 and what belongs to it. "run" is '' or the import run that brought the
-- row; a row of a run counts only while party_run says that the run is visible.
CREATE TABLE party (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  code TEXT NOT NULL,
  name BYTEA NOT NULL,
  kana BYTEA NOT NULL,
  honorific TEXT NOT NULL,
  corporate_number BYTEA NOT NULL,
  corporate_number_x BYTEA NOT NULL,
  registration_number BYTEA NOT NULL,
  registration_number_x BYTEA NOT NULL,
  postal_code BYTEA NOT NULL,
  address BYTEA NOT NULL,
  phone BYTEA NOT NULL,
  terms BYTEA NOT NULL,
  owner_id TEXT NOT NULL,
  department_id TEXT NOT NULL,
  state TEXT NOT NULL,
  run TEXT NOT NULL
);
-- No index begins with run: it would tempt the planner to read a whole import
-- for a page, since "run IN (visible ones)" stands in every query.
CREATE UNIQUE INDEX party_code ON party (code, run);
CREATE INDEX party_owner ON party (owner_id, code, id);
CREATE INDEX party_department ON party (department_id, code, id);
CREATE INDEX party_state ON party (state, code, id);
CREATE INDEX party_registration ON party (registration_number_x);

CREATE TABLE party_contact (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  party_id TEXT NOT NULL,
  name BYTEA NOT NULL,
  kana BYTEA NOT NULL,
  section BYTEA NOT NULL,
  title BYTEA NOT NULL,
  mail BYTEA NOT NULL,
  mail_x BYTEA NOT NULL,
  phone BYTEA NOT NULL,
  left_on DATE NOT NULL,
  run TEXT NOT NULL
);
CREATE INDEX party_contact_party ON party_contact (party_id, id);
CREATE INDEX party_contact_mail ON party_contact (mail_x);

CREATE TABLE party_point (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  party_id TEXT NOT NULL,
  contact_id TEXT NOT NULL,
  channel TEXT NOT NULL,
  address BYTEA NOT NULL,
  address_x BYTEA NOT NULL,
  label BYTEA NOT NULL,
  max_class BIGINT NOT NULL,
  state TEXT NOT NULL,
  origin TEXT NOT NULL,
  replaces TEXT NOT NULL,
  findings BYTEA NOT NULL,
  verified_on DATE NOT NULL,
  verified_by TEXT NOT NULL,
  verified_how TEXT NOT NULL,
  retired_on DATE NOT NULL,
  slot TEXT NOT NULL,
  run TEXT NOT NULL,
  quiet_no BIGINT NOT NULL
);
CREATE UNIQUE INDEX party_point_address ON party_point (party_id, channel, address_x, slot, run);
CREATE INDEX party_point_contact ON party_point (contact_id, id);
CREATE INDEX party_point_found ON party_point (address_x);
CREATE INDEX party_point_run ON party_point (run, quiet_no, id);

CREATE TABLE party_account (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  party_id TEXT NOT NULL,
  bank_code BYTEA NOT NULL,
  bank_name BYTEA NOT NULL,
  branch_code BYTEA NOT NULL,
  branch_name BYTEA NOT NULL,
  kind TEXT NOT NULL,
  number BYTEA NOT NULL,
  number_x BYTEA NOT NULL,
  holder BYTEA NOT NULL,
  state TEXT NOT NULL,
  confirmed_on DATE NOT NULL,
  confirmed_by TEXT NOT NULL,
  confirmed_how TEXT NOT NULL,
  retired_on DATE NOT NULL,
  slot TEXT NOT NULL
);
CREATE UNIQUE INDEX party_account_in_force ON party_account (party_id, slot);
CREATE INDEX party_account_number ON party_account (number_x);

CREATE TABLE party_relation (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  party_id TEXT NOT NULL,
  other_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  name BYTEA NOT NULL,
  from_on DATE NOT NULL,
  ended_on DATE NOT NULL
);
CREATE INDEX party_relation_party ON party_relation (party_id, id);
CREATE INDEX party_relation_other ON party_relation (other_id, id);

CREATE TABLE party_run (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  state TEXT NOT NULL,
  points BIGINT NOT NULL,
  quiet BIGINT NOT NULL,
  digest TEXT NOT NULL,
  seed TEXT NOT NULL,
  held BOOLEAN NOT NULL
);
CREATE INDEX party_run_state ON party_run (state, id);

CREATE TABLE party_batch_verification (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  digest TEXT NOT NULL,
  quiet BIGINT NOT NULL,
  asked_by TEXT NOT NULL,
  verified_on DATE NOT NULL
);
