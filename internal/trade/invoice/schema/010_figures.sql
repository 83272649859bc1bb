-- The figures are sums over many years: they are taken from these indexes alone,
-- without a look at the rows.
DROP INDEX invoice_owed;
CREATE INDEX invoice_owed ON invoice (due, id, run_id, amount, party_id, owner_id, department_id, standing, state) WHERE settled_on = '' AND state <> 'draft';
CREATE INDEX invoice_billed ON invoice (date, standing, base, party_id, owner_id, department_id, state) WHERE run_id = '' AND state <> 'draft';
