-- Nobody looks into these columns but the service, which reads them whole: JSON is handed out as it was written, JSONB
-- is put together anew for every reader. Takes the table's lock for as long as it takes to write the table once.
ALTER TABLE plan_versions
    ALTER COLUMN plan_json     TYPE JSON USING plan_json::JSON,
    ALTER COLUMN estimate_json TYPE JSON USING estimate_json::JSON,
    ALTER COLUMN risk_json     TYPE JSON USING risk_json::JSON,
    ALTER COLUMN changes_json  TYPE JSON USING changes_json::JSON;

-- Several times as fast as the usual compression. A server may be too old for it, or built without it.
DO $$
BEGIN
    EXECUTE 'ALTER TABLE plan_versions
                 ALTER COLUMN plan_json     SET COMPRESSION lz4,
                 ALTER COLUMN estimate_json SET COMPRESSION lz4,
                 ALTER COLUMN risk_json     SET COMPRESSION lz4,
                 ALTER COLUMN changes_json  SET COMPRESSION lz4';
EXCEPTION
    WHEN feature_not_supported OR syntax_error THEN NULL;
END
$$;
