-- Corrections by linked documents. kind is what the invoice is as a document,
-- standing whether it still counts.
ALTER TABLE invoice ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE invoice ADD COLUMN standing TEXT NOT NULL DEFAULT '';

-- How a later document stands to an earlier one; the id is the later one's. slot
-- is the earlier one's id while the later is a draft, so that only one is open.
CREATE TABLE invoice_link (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  of_id TEXT NOT NULL,
  root_id TEXT NOT NULL,
  relation TEXT NOT NULL,
  reason BYTEA NOT NULL,
  slot TEXT NOT NULL
);
CREATE UNIQUE INDEX invoice_link_slot ON invoice_link (slot);
CREATE INDEX invoice_link_of ON invoice_link (of_id, id);
CREATE INDEX invoice_link_root ON invoice_link (root_id, id);
