-- W3C trace context in which the plan was submitted: the whole workflow's, however many days it takes.
ALTER TABLE plan_review_sessions ADD COLUMN traceparent TEXT;
