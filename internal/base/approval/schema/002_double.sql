ALTER TABLE approval ADD COLUMN guise TEXT NOT NULL DEFAULT '';
ALTER TABLE approval ADD COLUMN shown_to TEXT NOT NULL DEFAULT '';
ALTER TABLE approval ADD COLUMN took_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE approval ADD COLUMN hasty BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE approval ADD COLUMN emergency BOOLEAN NOT NULL DEFAULT FALSE;

CREATE TABLE approval_decision (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  request_id TEXT NOT NULL,
  op TEXT NOT NULL,
  person TEXT NOT NULL,
  department_id TEXT NOT NULL,
  verdict TEXT NOT NULL,
  took_ms BIGINT NOT NULL,
  hasty BOOLEAN NOT NULL,
  month TEXT NOT NULL
);
CREATE INDEX approval_decision_person ON approval_decision (person, created_at, id);
CREATE INDEX approval_decision_department ON approval_decision (department_id, created_at, id);
CREATE INDEX approval_decision_op ON approval_decision (op, created_at, id);
CREATE INDEX approval_decision_month ON approval_decision (month, person, id);

CREATE TABLE approval_emergency (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  request_id TEXT NOT NULL,
  op TEXT NOT NULL,
  target TEXT NOT NULL,
  requester TEXT NOT NULL,
  department_id TEXT NOT NULL,
  state TEXT NOT NULL,
  first_person TEXT NOT NULL,
  first_reason BYTEA NOT NULL,
  second_person TEXT NOT NULL,
  second_reason BYTEA NOT NULL,
  released_at BIGINT NOT NULL,
  review_by DATE NOT NULL,
  reviewer TEXT NOT NULL,
  reviewed_at BIGINT NOT NULL,
  remark BYTEA NOT NULL
);
CREATE UNIQUE INDEX approval_emergency_request ON approval_emergency (request_id);
CREATE INDEX approval_emergency_state ON approval_emergency (state, review_by, id);
CREATE INDEX approval_emergency_requester ON approval_emergency (requester, review_by, id);
CREATE INDEX approval_emergency_department ON approval_emergency (department_id, review_by, id);
CREATE INDEX approval_emergency_review ON approval_emergency (review_by, id);
