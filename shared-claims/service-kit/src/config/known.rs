//! The known keys and the types of their values, taken from the built-in defaults.

use config::{Value, ValueKind};
use serde_json::Value as Json;

/// What the defaults contain at a key.
pub(super) enum Known<'a> {
    /// A setting. `Null` is an optional setting without a default; its type is not known here.
    Leaf(&'a Json),
    /// A group of settings.
    Group,
    /// A key below an optional group without defaults. Only the type itself knows what it may contain.
    Open,
}

/// Finds a key, given as its levels. `Err` lists the known names at the level that failed.
pub(super) fn find<'a>(defaults: &'a Json, levels: &[String]) -> Result<Known<'a>, String> {
    let mut here = defaults;
    for level in levels {
        match here {
            Json::Object(group) if group.is_empty() && !std::ptr::eq(here, defaults) => {
                return Ok(Known::Open);
            }
            Json::Object(group) => {
                here =
                    group.get(level).ok_or_else(|| group.keys().cloned().collect::<Vec<_>>().join(", "))?;
            }
            Json::Null => return Ok(Known::Open),
            _ => return Err("none, this is no group".to_owned()),
        }
    }
    Ok(match here {
        Json::Object(_) => Known::Group,
        leaf => Known::Leaf(leaf),
    })
}

/// The defaults as the lowest layer.
pub(super) fn to_layer(json: &Json) -> Value {
    let kind = match json {
        Json::Null => ValueKind::Nil,
        Json::Bool(value) => ValueKind::Boolean(*value),
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(value), _) => ValueKind::U64(value),
            (None, Some(value)) => ValueKind::I64(value),
            (None, None) => ValueKind::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => ValueKind::String(text.clone()),
        Json::Array(items) => ValueKind::Array(items.iter().map(to_layer).collect()),
        Json::Object(group) => {
            ValueKind::Table(group.iter().map(|(key, value)| (key.clone(), to_layer(value))).collect())
        }
    };
    Value::new(None, kind)
}

/// Parses a value of the environment as the type of the default. `Err` says what is allowed.
pub(super) fn from_text(default: &Json, text: &str) -> Result<ValueKind, &'static str> {
    Ok(match default {
        Json::Null | Json::String(_) => ValueKind::String(text.to_owned()),
        Json::Bool(_) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => ValueKind::Boolean(true),
            "false" | "no" | "off" | "0" => ValueKind::Boolean(false),
            _ => return Err("must be true or false"),
        },
        Json::Number(number) if number.is_f64() => match text.trim().parse::<f64>() {
            Ok(value) if value.is_finite() => ValueKind::Float(value),
            _ => return Err("must be a number"),
        },
        Json::Number(_) => text.trim().parse().map(ValueKind::I64).map_err(|_| "must be a whole number")?,
        Json::Array(_) => match json_list(text) {
            Some(list) => list,
            None => plain_list(text.split(',')),
        },
        Json::Object(_) => return Err("is a group of settings, not a setting"),
    })
}

/// A list written as JSON, for lists whose items have fields.
pub(super) fn json_list(text: &str) -> Option<ValueKind> {
    let json = serde_json::from_str::<Json>(text).ok().filter(Json::is_array)?;
    Some(to_layer(&json).kind)
}

/// A list of strings.
pub(super) fn plain_list<'a>(items: impl Iterator<Item = &'a str>) -> ValueKind {
    let items = items.map(str::trim).filter(|item| !item.is_empty());
    ValueKind::Array(items.map(|item| Value::new(None, item)).collect())
}

/// Checks a value of a file against the type of the default. `Err` says what is allowed.
pub(super) fn from_file(default: &Json, value: &ValueKind) -> Result<(), &'static str> {
    let good = match default {
        Json::Null => return Ok(()),
        Json::String(_) => {
            return check(matches!(value, ValueKind::String(_)), "must be a string, in quotes");
        }
        Json::Bool(_) => return check(matches!(value, ValueKind::Boolean(_)), "must be true or false"),
        Json::Number(number) if number.is_f64() => {
            matches!(value, ValueKind::Float(_) | ValueKind::I64(_) | ValueKind::U64(_))
        }
        Json::Number(_) => {
            let whole = matches!(value, ValueKind::I64(_) | ValueKind::U64(_));
            return check(whole, "must be a whole number");
        }
        Json::Array(_) => return check(matches!(value, ValueKind::Array(_)), "must be a list"),
        Json::Object(_) => return Err("is a group of settings, not a setting"),
    };
    check(good, "must be a number")
}

fn check(good: bool, allowed: &'static str) -> Result<(), &'static str> {
    if good { Ok(()) } else { Err(allowed) }
}
