CREATE TABLE identity_person (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  login TEXT NOT NULL UNIQUE,
  number TEXT NOT NULL UNIQUE,
  name BYTEA NOT NULL,
  kana BYTEA NOT NULL,
  mail BYTEA NOT NULL,
  mail_x BYTEA NOT NULL UNIQUE,
  department_id TEXT NOT NULL,
  departments TEXT NOT NULL,
  roles TEXT NOT NULL,
  state TEXT NOT NULL,
  hired_on TEXT NOT NULL,
  left_on TEXT NOT NULL,
  is_enrolled BOOLEAN NOT NULL,
  must_change BOOLEAN NOT NULL
);
CREATE INDEX identity_person_state ON identity_person (state, login, id);
CREATE INDEX identity_person_department ON identity_person (department_id, login, id);
CREATE TABLE identity_factor (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  password BYTEA NOT NULL,
  history BYTEA NOT NULL,
  start_until BIGINT NOT NULL,
  totp BYTEA NOT NULL,
  pending BYTEA NOT NULL,
  last_step BIGINT NOT NULL,
  recovery BYTEA NOT NULL,
  reset_by TEXT NOT NULL,
  reset_until BIGINT NOT NULL,
  reset_totp BOOLEAN NOT NULL
);
CREATE TABLE identity_session (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  person_id TEXT NOT NULL,
  hash BYTEA NOT NULL,
  factors BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  ends_at BIGINT NOT NULL,
  step_act TEXT NOT NULL,
  step_plan TEXT NOT NULL,
  step_until BIGINT NOT NULL,
  agent BYTEA NOT NULL,
  ip BYTEA NOT NULL
);
CREATE INDEX identity_session_person ON identity_session (person_id, id);
CREATE INDEX identity_session_seen ON identity_session (seen_at, id);
CREATE INDEX identity_session_ends ON identity_session (ends_at, id);
CREATE TABLE identity_client (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  name BYTEA NOT NULL,
  owner_id TEXT NOT NULL,
  public_key BYTEA NOT NULL UNIQUE,
  ops TEXT NOT NULL,
  state TEXT NOT NULL
);
CREATE INDEX identity_client_owner ON identity_client (owner_id, id);
CREATE TABLE identity_token (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  client_id TEXT NOT NULL,
  hash BYTEA NOT NULL,
  ends_at BIGINT NOT NULL
);
CREATE INDEX identity_token_client ON identity_token (client_id, id);
CREATE INDEX identity_token_ends ON identity_token (ends_at, id);
CREATE TABLE identity_used (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  ends_at BIGINT NOT NULL
);
CREATE INDEX identity_used_ends ON identity_used (ends_at, id);
CREATE TABLE identity_throttle (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  fails BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  free_at BIGINT NOT NULL
);
CREATE INDEX identity_throttle_free ON identity_throttle (free_at, id);
CREATE TABLE identity_setup (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  hash BYTEA NOT NULL
);
