SELECT profile_id, created_at FROM profiles WHERE false
