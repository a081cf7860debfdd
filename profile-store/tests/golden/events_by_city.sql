SELECT p.city, count(*) AS events, avg(p.n) AS mean, max(e.timestamp) AS last_at
FROM events e JOIN profiles p ON e.profile_id = p.profile_id
GROUP BY p.city
ORDER BY p.city
