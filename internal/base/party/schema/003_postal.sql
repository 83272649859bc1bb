-- Where paper and FAX may go: a postal address as it stands in the window of an
-- envelope, or a number. Its address never changes: another one is another row.
CREATE TABLE party_postal (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  party_id TEXT NOT NULL,
  channel TEXT NOT NULL,
  postal_code BYTEA NOT NULL,
  address BYTEA NOT NULL,
  building BYTEA NOT NULL,
  addressee BYTEA NOT NULL,
  section BYTEA NOT NULL,
  person BYTEA NOT NULL,
  honorific TEXT NOT NULL,
  number BYTEA NOT NULL,
  line BYTEA NOT NULL,
  line_x BYTEA NOT NULL,
  max_class BIGINT NOT NULL,
  state TEXT NOT NULL,
  replaces TEXT NOT NULL,
  verified_on DATE NOT NULL,
  verified_by TEXT NOT NULL,
  verified_how TEXT NOT NULL,
  called BYTEA NOT NULL,
  retired_on DATE NOT NULL,
  slot TEXT NOT NULL
);
CREATE UNIQUE INDEX party_postal_line ON party_postal (party_id, channel, line_x, slot);
CREATE INDEX party_postal_found ON party_postal (line_x);

-- A partner that insists on files encrypted with a password (例外), until a day.
CREATE TABLE party_protection (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  party_id TEXT NOT NULL,
  form TEXT NOT NULL,
  reason BYTEA NOT NULL,
  from_on DATE NOT NULL,
  ends_on DATE NOT NULL,
  person TEXT NOT NULL,
  approver TEXT NOT NULL,
  ended_on DATE NOT NULL
);
CREATE INDEX party_protection_party ON party_protection (party_id, created_at, id);
