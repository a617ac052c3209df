DROP TABLE counters; DROP TABLE tokens;
