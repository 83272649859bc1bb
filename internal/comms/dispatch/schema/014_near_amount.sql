-- What the package claimed when it was kept from going wrong, in yen.
ALTER TABLE dispatch_near ADD COLUMN amount BIGINT NOT NULL DEFAULT 0;
