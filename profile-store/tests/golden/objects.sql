SELECT * FROM objects
