-- A version is kept whole (plan_json) or as what changed since the version before (changes_json); then estimate and
-- risk may be kept as differences, too.
ALTER TABLE plan_versions ALTER COLUMN plan_json DROP NOT NULL;
-- Of everything that the plan says; none for versions that were made before this column.
ALTER TABLE plan_versions ADD COLUMN content_digest BYTEA CHECK (octet_length(content_digest) = 32);
-- Of everything else about the version.
ALTER TABLE plan_versions ADD COLUMN record_digest BYTEA CHECK (octet_length(record_digest) = 32);
-- When it was first voted on or sealed for a decision; such a version is never removed.
ALTER TABLE plan_versions ADD COLUMN pinned_at TIMESTAMPTZ;
-- A version that was found damaged and could not be rebuilt.
ALTER TABLE plan_heads ADD COLUMN corrupted_version INT;

CREATE INDEX idx_plan_versions_prunable ON plan_versions (created_at) WHERE pinned_at IS NULL;
