DROP TABLE secrets;
DROP TABLE meta;
