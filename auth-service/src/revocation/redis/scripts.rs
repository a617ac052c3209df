//! The scripts that change the list: each runs in Redis as one atomic step.

use redis::Script;
use shared_claims::issuer::contract;

#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) look: Script,
    pub(super) deliver: Script,
    pub(super) fill: Script,
    pub(super) install: Script,
    pub(super) trim: Script,
}

macro_rules! script {
    ($name:literal) => {
        script(include_str!($name))
    };
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            look: script!("look.lua"),
            deliver: script!("deliver.lua"),
            fill: script!("fill.lua"),
            install: script!("install.lua"),
            trim: script!("trim.lua"),
        }
    }
}

/// A script behind the names of the contract and what all scripts share.
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
    fn scripts_have_no_names_of_their_own() {
        let names = contract_in_lua();
        for name in [contract::FIELD_KIND, contract::FIELD_ID, contract::FIELD_AT, contract::FIELD_EXP] {
            assert!(names.contains(&format!("= '{name}'\n")), "{name}");
        }
        let scripts = [
            include_str!("common.lua"),
            include_str!("look.lua"),
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
