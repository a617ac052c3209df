-- Who prunes, and until when: a lease. Here from the start, so that replicas take it by one guarded UPDATE.
INSERT INTO meta (name, value) VALUES ('pruning', '');
