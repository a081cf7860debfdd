SELECT * FROM profiles ORDER BY profile_id LIMIT 4
