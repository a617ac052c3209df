//! The tables, as the migrations in `migrations/auth` create them on both databases.

diesel::table! {
    meta (name) {
        name -> Text,
        value -> Text,
    }
}

diesel::table! {
    secrets (name) {
        name -> Text,
        ciphertext -> Binary,
        key_id -> Text,
        created_at_ms -> BigInt,
    }
}

diesel::table! {
    users (id) {
        id -> Text,
        username -> Text,
        username_key -> Text,
        username_skeleton -> Text,
        email -> Nullable<Text>,
        email_key -> Nullable<Text>,
        email_verified -> Bool,
        is_active -> Bool,
        roles -> Text,
        password_scheme -> Text,
        password_hash -> Text,
        credentials_version -> BigInt,
        token_cut_ms -> Nullable<BigInt>,
        created_at_ms -> BigInt,
        updated_at_ms -> BigInt,
        profile_claims -> Text,
        pending_email -> Nullable<Text>,
        is_self_registered -> Bool,
    }
}

diesel::table! {
    browser_sessions (id) {
        id -> Text,
        user_id -> Text,
        handle_hash -> Binary,
        previous_handle_hash -> Nullable<Binary>,
        previous_signed_in_at_ms -> Nullable<BigInt>,
        handle_replaced_at_ms -> Nullable<BigInt>,
        credentials_version -> BigInt,
        amr -> Text,
        signed_in_at_ms -> BigInt,
        created_at_ms -> BigInt,
        last_used_at_ms -> BigInt,
        idle_expires_at_ms -> BigInt,
        expires_at_ms -> BigInt,
        unused_expires_at_ms -> Nullable<BigInt>,
        ended_at_ms -> Nullable<BigInt>,
        end_reason -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        address -> Nullable<Text>,
        client_ids -> Text,
    }
}

diesel::table! {
    consents (user_id, client_id) {
        user_id -> Text,
        client_id -> Text,
        scope -> Text,
        audience -> Text,
        allowed_at_ms -> BigInt,
    }
}

diesel::table! {
    sessions (id) {
        id -> Text,
        user_id -> Text,
        client_id -> Text,
        scope -> Text,
        amr -> Text,
        auth_time_s -> BigInt,
        created_at_ms -> BigInt,
        last_used_at_ms -> BigInt,
        expires_at_ms -> BigInt,
        ended_at_ms -> Nullable<BigInt>,
        end_reason -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        address -> Nullable<Text>,
        access_expires_at_s -> BigInt,
        audience -> Text,
        idle_expires_at_ms -> BigInt,
        browser_session_id -> Nullable<Text>,
        userinfo_claims -> Text,
    }
}

diesel::table! {
    clients (id) {
        id -> Text,
        name -> Text,
        is_public -> Bool,
        is_active -> Bool,
        is_declared -> Bool,
        grants -> Text,
        scopes -> Text,
        audiences -> Text,
        redirect_uris -> Text,
        post_logout_redirect_uris -> Text,
        pkce_optional -> Bool,
        access_ttl_s -> Nullable<BigInt>,
        refresh_ttl_s -> Nullable<BigInt>,
        longest_access_ttl_s -> BigInt,
        token_cut_ms -> Nullable<BigInt>,
        cut_is_due -> Bool,
        created_at_ms -> BigInt,
        updated_at_ms -> BigInt,
        is_first_party -> Bool,
        backchannel_logout_uri -> Nullable<Text>,
    }
}

diesel::table! {
    client_secrets (client_id, secret_hash) {
        client_id -> Text,
        secret_hash -> Binary,
        created_at_ms -> BigInt,
        expires_at_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    client_registry (id) {
        id -> Integer,
        version -> BigInt,
    }
}

diesel::table! {
    authorization_codes (code_hash) {
        code_hash -> Binary,
        client_id -> Text,
        user_id -> Text,
        credentials_version -> BigInt,
        redirect_uri -> Text,
        code_challenge -> Nullable<Text>,
        scope -> Text,
        audience -> Text,
        nonce -> Nullable<Text>,
        amr -> Text,
        auth_time_s -> BigInt,
        user_agent -> Nullable<Text>,
        address -> Nullable<Text>,
        issued_at_ms -> BigInt,
        expires_at_ms -> BigInt,
        consumed_at_ms -> Nullable<BigInt>,
        session_id -> Nullable<Text>,
        browser_session_id -> Nullable<Text>,
        userinfo_claims -> Text,
    }
}

diesel::table! {
    refresh_tokens (token_hash) {
        token_hash -> Binary,
        session_id -> Text,
        issued_at_ms -> BigInt,
        expires_at_ms -> BigInt,
        consumed_at_ms -> Nullable<BigInt>,
        first_caller -> Nullable<BigInt>,
        late_replays -> BigInt,
        refreshes -> BigInt,
        refreshes_since_ms -> BigInt,
    }
}

diesel::table! {
    signing_keys (kid) {
        kid -> Text,
        state -> Text,
        algorithm -> Text,
        modulus -> Text,
        exponent -> Text,
        private_key -> Binary,
        key_id -> Text,
        created_at_ms -> BigInt,
        activates_at_ms -> BigInt,
        retires_at_ms -> Nullable<BigInt>,
        tokens_end_by_s -> BigInt,
    }
}

diesel::table! {
    former_signing_keys (kid) {
        kid -> Text,
        modulus -> Text,
        exponent -> Text,
        left_at_ms -> BigInt,
    }
}

diesel::table! {
    revocations (seq) {
        seq -> BigInt,
        kind -> Text,
        subject_id -> Text,
        at_ms -> Nullable<BigInt>,
        exp_s -> BigInt,
        created_at_ms -> BigInt,
        session_id -> Nullable<Text>,
    }
}

diesel::table! {
    revocation_log (id) {
        id -> Integer,
        last_seq -> BigInt,
    }
}

diesel::table! {
    audit_events (id) {
        id -> Text,
        at_ms -> BigInt,
        kind -> Text,
        actor -> Text,
        user_id -> Nullable<Text>,
        client_id -> Nullable<Text>,
        session_id -> Nullable<Text>,
        subject -> Nullable<Text>,
        reason -> Nullable<Text>,
        address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        request_id -> Nullable<Text>,
    }
}

diesel::table! {
    login_networks (user_id, network) {
        user_id -> Text,
        network -> Binary,
        credentials_version -> BigInt,
        last_login_at_ms -> BigInt,
    }
}

diesel::table! {
    mailed_links (token_hash) {
        token_hash -> Binary,
        message_id -> Text,
        purpose -> Text,
        user_id -> Nullable<Text>,
        email -> Text,
        email_key -> Text,
        credentials_version -> BigInt,
        created_at_ms -> BigInt,
        expires_at_ms -> BigInt,
        ended_at_ms -> Nullable<BigInt>,
        used_at_ms -> Nullable<BigInt>,
        used_version -> Nullable<BigInt>,
        replays -> BigInt,
    }
}

diesel::table! {
    login_locks (budget) {
        budget -> Binary,
        user_id -> Nullable<Text>,
        callers -> Text,
        locks -> BigInt,
        locked_until_ms -> BigInt,
        expires_at_ms -> BigInt,
    }
}

diesel::table! {
    guess_accounts (user_id) {
        user_id -> Text,
        generation -> BigInt,
        cookie_failures -> BigInt,
        cookies_valid_from_ms -> BigInt,
    }
}

diesel::table! {
    queue_messages (id) {
        id -> Text,
        kind -> Text,
        receiver -> Text,
        lane -> Text,
        payload -> Text,
        created_at_ms -> BigInt,
        give_up_at_ms -> BigInt,
        due_at_ms -> Nullable<BigInt>,
        tries -> BigInt,
        claimed_by -> Nullable<Text>,
        failed_at_ms -> Nullable<BigInt>,
        last_error -> Nullable<Text>,
    }
}

diesel::table! {
    throttle_counters (key) {
        key -> Binary,
        state -> Binary,
        expires_at_ms -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    users,
    sessions,
    refresh_tokens,
    browser_sessions,
    clients,
    authorization_codes
);
diesel::joinable!(browser_sessions -> users (user_id));
diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(refresh_tokens -> sessions (session_id));
