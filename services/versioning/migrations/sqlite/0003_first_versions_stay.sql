-- First versions are never removed: an index of what may be need not hold them.
DROP INDEX idx_plan_versions_prunable;
CREATE INDEX idx_plan_versions_prunable ON plan_versions (created_at) WHERE pinned_at IS NULL AND version_number > 1;
