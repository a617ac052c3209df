DELETE FROM meta WHERE name = 'queue';
DROP TABLE queue_messages;
