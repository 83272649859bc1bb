-- A browser that has come with a link: first with a ticket, after the code as a
-- device that need not ask for one for twelve hours.
CREATE TABLE share_visit (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  link_id TEXT NOT NULL,
  hash TEXT NOT NULL,
  code TEXT NOT NULL,
  code_until BIGINT NOT NULL,
  tries BIGINT NOT NULL,
  proven_until BIGINT NOT NULL
);
CREATE INDEX share_visit_link ON share_visit (link_id, id);
CREATE INDEX share_visit_hash ON share_visit (hash, id);
CREATE INDEX share_visit_created ON share_visit (created_at, id);

-- What recipients did with their links, one row for each time.
CREATE TABLE share_event (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  link_id TEXT NOT NULL,
  package_id TEXT NOT NULL,
  party_id TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  department_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  document_id TEXT NOT NULL,
  ip BYTEA NOT NULL,
  agent BYTEA NOT NULL
);
CREATE INDEX share_event_package ON share_event (package_id, created_at, id);

-- What recipients wrote, or what the sender should know of; open until somebody
-- of ours has done something about it.
CREATE TABLE share_word (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  link_id TEXT NOT NULL,
  package_id TEXT NOT NULL,
  party_id TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  department_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  words BYTEA NOT NULL,
  open BOOLEAN NOT NULL,
  answer BYTEA NOT NULL,
  answered_by TEXT NOT NULL,
  answered_at BIGINT NOT NULL
);
CREATE INDEX share_word_open ON share_word (open, created_at, id);
CREATE INDEX share_word_package ON share_word (package_id, created_at, id);
CREATE INDEX share_word_link ON share_word (link_id, open, id);
