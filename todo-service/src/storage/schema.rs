//! The tables, as the migrations in `migrations/todo` create them.

diesel::table! {
    todos (id) {
        id -> Text,
        owner -> Text,
        title -> Text,
        description -> Nullable<Text>,
        completed -> Bool,
        created_at_ms -> BigInt,
        updated_at_ms -> BigInt,
    }
}
