CREATE TABLE card (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  owner_id TEXT NOT NULL,
  department_id TEXT NOT NULL,
  party_id TEXT NOT NULL,
  yen BIGINT NOT NULL,
  name BYTEA NOT NULL,
  mail BYTEA NOT NULL,
  mail_x BYTEA NOT NULL,
  lines BYTEA NOT NULL,
  is_open BOOLEAN NOT NULL
);
CREATE INDEX card_yen ON card (yen, id);
CREATE INDEX card_mail ON card (mail_x);
CREATE INDEX card_owner ON card (owner_id, yen, id);
CREATE INDEX card_dept ON card (department_id, yen, id);
CREATE INDEX card_party ON card (party_id, yen, id);
