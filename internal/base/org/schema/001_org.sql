CREATE TABLE org_issuer (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  profile BYTEA NOT NULL
);

CREATE TABLE org_department (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  code TEXT NOT NULL,
  name TEXT NOT NULL,
  parent_id TEXT NOT NULL,
  closed_on DATE NOT NULL
);
CREATE UNIQUE INDEX org_department_code ON org_department (code);

CREATE TABLE org_holiday (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  day DATE NOT NULL,
  name TEXT NOT NULL
);
CREATE UNIQUE INDEX org_holiday_day ON org_holiday (day);

CREATE TABLE org_series (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  name TEXT NOT NULL,
  pattern TEXT NOT NULL,
  first_serial BIGINT NOT NULL
);
CREATE UNIQUE INDEX org_series_name ON org_series (name);

CREATE TABLE org_run (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  series TEXT NOT NULL,
  period TEXT NOT NULL,
  first_serial BIGINT NOT NULL,
  next_serial BIGINT NOT NULL
);
CREATE UNIQUE INDEX org_run_period ON org_run (series, period);

CREATE TABLE org_number (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  series TEXT NOT NULL,
  period TEXT NOT NULL,
  serial BIGINT NOT NULL,
  number TEXT NOT NULL,
  used_by_kind TEXT NOT NULL,
  used_by_id TEXT NOT NULL,
  state TEXT NOT NULL
);
CREATE UNIQUE INDEX org_number_serial ON org_number (series, period, serial);
CREATE UNIQUE INDEX org_number_number ON org_number (series, number);

CREATE TABLE org_void (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  series TEXT NOT NULL,
  number TEXT NOT NULL,
  reason BYTEA NOT NULL,
  voided_on DATE NOT NULL,
  voided_by TEXT NOT NULL
);
CREATE UNIQUE INDEX org_void_number ON org_void (series, number);
CREATE INDEX org_void_on ON org_void (series, voided_on, id);
