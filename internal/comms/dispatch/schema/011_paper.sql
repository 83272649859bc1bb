-- A FAX that goes by mail keeps the relay's domain it was approved with; '' is
-- one that is printed and dialled by a person.
ALTER TABLE dispatch ADD COLUMN fax_relay TEXT NOT NULL DEFAULT '';

-- The password of encrypted files is shown once, to who sends them.
ALTER TABLE dispatch ADD COLUMN password_by TEXT NOT NULL DEFAULT '';
ALTER TABLE dispatch ADD COLUMN password_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX dispatch_channel ON dispatch (party_id, channel, id);
CREATE INDEX dispatch_item_lane ON dispatch_item (lane, state, id);
