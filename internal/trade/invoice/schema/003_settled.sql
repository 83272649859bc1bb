-- The day an invoice was paid in full, as accounting marked it; "" while it is
-- owed. The index holds only what is owed, in the order of its due date.
ALTER TABLE invoice ADD COLUMN settled_on DATE NOT NULL DEFAULT '';
CREATE INDEX invoice_owed ON invoice (due, id, run_id, amount, party_id, owner_id, department_id) WHERE settled_on = '' AND state <> 'draft';
