diesel::table! {
    tokens (hash) {
        hash -> Binary,
        family -> Text,
        consumed_at_ms -> Nullable<BigInt>,
        is_active -> Bool,
    }
}

diesel::table! {
    counters (name) {
        name -> Text,
        value -> BigInt,
    }
}

diesel::table! {
    notes (id) {
        id -> Text,
        counter -> Text,
    }
}
