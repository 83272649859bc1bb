-- A month of the log, closed: leaves from first up to size, under the checkpoint of that size.
CREATE TABLE audit_segment (
  month TEXT PRIMARY KEY,
  first BIGINT NOT NULL,
  size BIGINT NOT NULL,
  at BIGINT NOT NULL
);
