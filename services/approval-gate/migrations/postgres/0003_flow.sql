-- When a grant was taken back, by whom and why.
ALTER TABLE grants
    ADD COLUMN revoked_at    TIMESTAMPTZ,
    ADD COLUMN revoked_by    TEXT NOT NULL DEFAULT '',
    ADD COLUMN revoke_reason TEXT NOT NULL DEFAULT '';
