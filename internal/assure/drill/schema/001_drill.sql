CREATE TABLE drill (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  from_on DATE NOT NULL,
  until_on DATE NOT NULL,
  closings TEXT NOT NULL,
  days_before BIGINT NOT NULL,
  days_after BIGINT NOT NULL,
  reason BYTEA NOT NULL,
  started_by TEXT NOT NULL,
  approver TEXT NOT NULL,
  stopped BOOLEAN NOT NULL,
  stopped_on DATE NOT NULL,
  stopped_by TEXT NOT NULL,
  stopped_reason BYTEA NOT NULL,
  slot TEXT NOT NULL
);
CREATE UNIQUE INDEX drill_slot ON drill (slot);
CREATE INDEX drill_from ON drill (from_on, id);

CREATE TABLE drill_decoy (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  drill_id TEXT NOT NULL,
  request_id TEXT NOT NULL,
  person TEXT NOT NULL,
  department_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  month TEXT NOT NULL,
  outcome TEXT NOT NULL,
  lesson BYTEA NOT NULL
);
CREATE UNIQUE INDEX drill_decoy_request ON drill_decoy (request_id);
CREATE INDEX drill_decoy_person ON drill_decoy (person, created_at, id);
CREATE INDEX drill_decoy_department ON drill_decoy (department_id, created_at, id);
CREATE INDEX drill_decoy_outcome ON drill_decoy (outcome, created_at, id);
CREATE INDEX drill_decoy_created ON drill_decoy (created_at, id);
CREATE INDEX drill_decoy_month ON drill_decoy (month, id);
