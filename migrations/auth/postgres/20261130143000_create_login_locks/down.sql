DROP TABLE guess_accounts;
DROP TABLE login_locks;
