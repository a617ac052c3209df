//! A JSON reader that keeps repeated members.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

/// A JSON value. Objects keep every member, in order, also when a name is repeated.
#[derive(Clone, Debug)]
pub(crate) enum LenientJson {
    Null,
    Bool,
    Number(Number),
    Text(String),
    List(Vec<LenientJson>),
    Object(Vec<(String, LenientJson)>),
}

impl LenientJson {
    /// Parses one value; nothing may follow it.
    pub(crate) fn parse(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    pub(crate) fn members(&self) -> Option<&[(String, Self)]> {
        if let Self::Object(members) = self { Some(members) } else { None }
    }

    /// The first member with this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.members()?.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The value as an integer from 0 to `i64::MAX`.
    pub(crate) fn whole(&self) -> Option<i64> {
        let Self::Number(number) = self else { return None };
        number.as_u64().and_then(|number| i64::try_from(number).ok())
    }

    /// The strings of a list that holds only strings.
    pub(crate) fn texts(&self) -> Option<Vec<&str>> {
        let Self::List(items) = self else { return None };
        items.iter().map(Self::text).collect()
    }

    /// Whether any object in the value has a member twice.
    pub(crate) fn repeats(&self) -> bool {
        match self {
            Self::List(items) => items.iter().any(Self::repeats),
            Self::Object(members) => {
                let mut names = HashSet::new();
                members.iter().any(|(name, value)| !names.insert(name) || value.repeats())
            }
            Self::Null | Self::Bool | Self::Number(_) | Self::Text(_) => false,
        }
    }

    /// The greatest nesting depth of lists and objects.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(members) => 1 + members.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
            Self::Null | Self::Bool | Self::Number(_) | Self::Text(_) => 0,
        }
    }

    /// The number of members of the largest object.
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::List(items) => items.iter().map(Self::width).max().unwrap_or(0),
            Self::Object(members) => {
                members.iter().map(|(_, value)| value.width()).max().unwrap_or(0).max(members.len())
            }
            Self::Null | Self::Bool | Self::Number(_) | Self::Text(_) => 0,
        }
    }
}

impl<'de> Deserialize<'de> for LenientJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LenientJsonVisitor)
    }
}

struct LenientJsonVisitor;

impl<'de> Visitor<'de> for LenientJsonVisitor {
    type Value = LenientJson;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<LenientJson, E> {
        Ok(LenientJson::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<LenientJson, E> {
        Ok(LenientJson::Bool)
    }

    fn visit_u64<E>(self, number: u64) -> Result<LenientJson, E> {
        Ok(LenientJson::Number(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<LenientJson, E> {
        Ok(LenientJson::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<LenientJson, E> {
        Ok(Number::from_f64(number).map_or(LenientJson::Null, LenientJson::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<LenientJson, E> {
        Ok(LenientJson::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<LenientJson, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(LenientJson::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<LenientJson, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(LenientJson::Object(members))
    }
}
