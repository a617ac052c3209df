//! Extractors and error answers for actix-web.
