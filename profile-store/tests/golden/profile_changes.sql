SELECT * FROM profile_changes
