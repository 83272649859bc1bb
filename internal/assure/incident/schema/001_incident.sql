-- Incidents (事故報告): the facts of a mis-send as they were when it was reported.
-- slot is the package's id while the incident is open: a package has one at a time.
CREATE TABLE incident (
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
  state TEXT NOT NULL,
  level TEXT NOT NULL,
  cause TEXT NOT NULL,
  reporter TEXT NOT NULL,
  known_on DATE NOT NULL,
  prompt_from DATE NOT NULL,
  prompt_by DATE NOT NULL,
  final_by DATE NOT NULL,
  final_by_malicious DATE NOT NULL,
  persons BIGINT NOT NULL,
  persons_exact BOOLEAN NOT NULL,
  reason BYTEA NOT NULL,
  should_be BYTEA NOT NULL,
  facts BYTEA NOT NULL,
  outcome TEXT NOT NULL,
  slot TEXT NOT NULL
);
CREATE UNIQUE INDEX incident_slot ON incident (slot);
CREATE INDEX incident_known ON incident (known_on, id);
CREATE INDEX incident_state ON incident (state, known_on, id);
CREATE INDEX incident_by_owner ON incident (owner_id, known_on, id);
CREATE INDEX incident_by_department ON incident (department_id, known_on, id);

-- What happened since, in order.
CREATE TABLE incident_event (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  incident_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  person TEXT NOT NULL,
  words BYTEA NOT NULL
);
CREATE INDEX incident_event_of ON incident_event (incident_id, id);
