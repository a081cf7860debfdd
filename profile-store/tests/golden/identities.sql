SELECT kind, count(*) AS nodes, min(value) AS first FROM identities GROUP BY kind
