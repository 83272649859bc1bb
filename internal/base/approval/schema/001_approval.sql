CREATE TABLE approval (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  op TEXT NOT NULL,
  kind TEXT NOT NULL,
  target TEXT NOT NULL,
  department_id TEXT NOT NULL,
  class BIGINT NOT NULL,
  requester TEXT NOT NULL,
  reason BYTEA NOT NULL,
  digest TEXT NOT NULL,
  state TEXT NOT NULL,
  lapses_at BIGINT NOT NULL,
  decided_by TEXT NOT NULL,
  decided_at BIGINT NOT NULL,
  comment BYTEA NOT NULL,
  error TEXT NOT NULL,
  slot TEXT NOT NULL,
  input BYTEA NOT NULL,
  before_json BYTEA NOT NULL,
  after_json BYTEA NOT NULL
);
CREATE UNIQUE INDEX approval_slot ON approval (slot);
CREATE INDEX approval_state ON approval (state, created_at, id);
CREATE INDEX approval_lapse ON approval (state, lapses_at, id);
CREATE INDEX approval_requester ON approval (requester, created_at, id);
CREATE INDEX approval_department ON approval (department_id, created_at, id);
CREATE INDEX approval_target ON approval (target, created_at, id);

CREATE TABLE approval_delegation (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  from_person TEXT NOT NULL,
  to_person TEXT NOT NULL,
  from_date DATE NOT NULL,
  until_date DATE NOT NULL,
  reason BYTEA NOT NULL,
  ended BOOLEAN NOT NULL
);
CREATE INDEX approval_delegation_from ON approval_delegation (from_person, until_date, id);
CREATE INDEX approval_delegation_to ON approval_delegation (to_person, until_date, id);
CREATE INDEX approval_delegation_until ON approval_delegation (until_date, id);
