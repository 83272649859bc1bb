-- Until when a document of ours is to be paid, as it says itself; '' where it says
-- nothing of that, and in rows older than the column.
ALTER TABLE document ADD COLUMN due_on DATE NOT NULL DEFAULT '';
