SELECT message_id, event, timestamp, sent_at, profile_id, log_partition, log_offset
FROM events
ORDER BY message_id, log_offset
LIMIT 3
