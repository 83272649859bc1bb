-- Whether a document still counts, and who first got its bytes.
ALTER TABLE document ADD COLUMN standing TEXT NOT NULL DEFAULT '';
ALTER TABLE document ADD COLUMN given_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE document ADD COLUMN given_by TEXT NOT NULL DEFAULT '';
ALTER TABLE document ADD COLUMN given_how TEXT NOT NULL DEFAULT '';
