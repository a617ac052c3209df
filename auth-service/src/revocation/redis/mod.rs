//! The revocation list in Redis: the scripts that read its state and change it.
//!
//! Each change is one script, because it must compare the state with what was read before (the epoch, the Redis process
//! and the stream's last id) and then change it atomically. See `docs/revocation.md` for the protocol and the reason
//! of every comparison.

mod connection;
mod list;

use redis::Script;
use shared_claims::issuer::contract;

pub use self::connection::RedisError;
pub use self::list::{ListState, RebuiltStream, RevocationList, WriteOutcome};

/// The scripts. Each runs in Redis as one atomic step.
#[derive(Debug)]
struct Scripts {
    read_state: Script,
    deliver: Script,
    fill: Script,
    install: Script,
    trim: Script,
}

macro_rules! script {
    ($name:literal) => {
        script(include_str!($name))
    };
}

impl Scripts {
    fn new() -> Self {
        Self {
            read_state: script!("read_state.lua"),
            deliver: script!("deliver.lua"),
            fill: script!("fill.lua"),
            install: script!("install.lua"),
            trim: script!("trim.lua"),
        }
    }
}

/// A script, preceded by the names of the contract and the functions that all scripts share.
fn script(text: &str) -> Script {
    Script::new(&format!("{}{}{text}", contract_in_lua(), include_str!("common.lua")))
}

/// The contract's names, as constants of the scripts.
fn contract_in_lua() -> String {
    [
        ("FIELD_KIND", contract::FIELD_KIND),
        ("FIELD_ID", contract::FIELD_ID),
        ("FIELD_AT", contract::FIELD_AT),
        ("FIELD_EXP", contract::FIELD_EXP),
        ("PRESENT", contract::PRESENT),
    ]
    .map(|(name, value)| format!("local {name} = '{value}'\n"))
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_take_all_names_from_the_contract() {
        let names = contract_in_lua();
        for name in [contract::FIELD_KIND, contract::FIELD_ID, contract::FIELD_AT, contract::FIELD_EXP] {
            assert!(names.contains(&format!("= '{name}'\n")), "{name}");
        }
        let scripts = [
            include_str!("common.lua"),
            include_str!("read_state.lua"),
            include_str!("deliver.lua"),
            include_str!("fill.lua"),
            include_str!("install.lua"),
            include_str!("trim.lua"),
        ];
        for script in scripts {
            for quoted in ["'kind'", "'id'", "'at'", "'exp'", "'as_of'", "'events'", "{revoked}"] {
                assert!(!script.contains(quoted), "{quoted} is written in a script");
            }
        }
    }
}
