-- Deleting a receipt clears what points at it. Without these indexes each would be looked for in the whole ledger.

CREATE INDEX refs_receipt ON refs (receipt) WHERE receipt IS NOT NULL;
CREATE INDEX wants_receipt ON wants (receipt) WHERE receipt IS NOT NULL;
