-- Risk level of what was approved, for logs; none for executions that are older than this column.
ALTER TABLE executions ADD COLUMN risk_level TEXT;
