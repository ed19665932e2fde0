-- What waits for a review is found however many executions have ended.
CREATE INDEX executions_waiting ON executions (id) WHERE state = 'waiting';
