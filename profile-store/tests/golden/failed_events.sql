SELECT * FROM failed_events
