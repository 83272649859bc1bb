-- The code printed on the sheet, by which anybody who has it finds what the
-- invoice was issued with; '' where none was printed.
ALTER TABLE invoice ADD COLUMN check_code TEXT NOT NULL DEFAULT '';
CREATE INDEX invoice_check ON invoice (check_code, id) WHERE check_code <> '';
