DELETE FROM meta WHERE name = 'pruning';
