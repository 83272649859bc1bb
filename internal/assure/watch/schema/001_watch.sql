CREATE TABLE watch_alarm (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  what TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  leaf BIGINT NOT NULL,
  tampering BOOLEAN NOT NULL,
  first_seen BIGINT NOT NULL,
  last_seen BIGINT NOT NULL,
  seen_count BIGINT NOT NULL,
  mailed_at BIGINT NOT NULL,
  mails BIGINT NOT NULL,
  state TEXT NOT NULL,
  acknowledged_by TEXT NOT NULL,
  acknowledged_at BIGINT NOT NULL,
  acknowledged_why BYTEA NOT NULL,
  closed_by TEXT NOT NULL,
  approved_by TEXT NOT NULL,
  closed_at BIGINT NOT NULL,
  closed_why BYTEA NOT NULL
);
CREATE INDEX watch_alarm_subject ON watch_alarm (what, kind, subject, state);
CREATE INDEX watch_alarm_seen ON watch_alarm (last_seen, id);
CREATE INDEX watch_alarm_state ON watch_alarm (state, last_seen, id);
CREATE INDEX watch_alarm_mailed ON watch_alarm (mailed_at, id);

CREATE TABLE watch_checkpoint (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  day DATE NOT NULL,
  size BIGINT NOT NULL,
  root TEXT NOT NULL,
  signed_at BIGINT NOT NULL,
  missed BIGINT NOT NULL,
  addresses BYTEA NOT NULL
);
CREATE UNIQUE INDEX watch_checkpoint_day ON watch_checkpoint (day);
