-- Digest of the tool that undoes the item when the execution was accepted; another tool is not called.
ALTER TABLE work_item_runs ADD COLUMN rollback_digest BLOB;
