-- A package of a batch (一括送付) names its plan; a plan that is stopped has a row
-- in dispatch_stop under its own id.
ALTER TABLE dispatch ADD COLUMN batch_id TEXT NOT NULL DEFAULT '';
CREATE INDEX dispatch_batch ON dispatch (batch_id, id);
CREATE INDEX dispatch_file_document ON dispatch_file (document_id, id);
