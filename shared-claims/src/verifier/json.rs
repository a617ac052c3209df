//! A strict JSON parser: no repeated members at any depth, bounded nesting, bounded number of members.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// The greatest nesting depth of objects and arrays.
const MAX_DEPTH: usize = 16;

/// The greatest number of members of one object.
const MAX_MEMBERS: usize = 256;

/// Receives the members of an object, one after the other.
pub(super) trait Members<'de> {
    /// Reads the value of `name` from `value`. An implementation must pass an unknown member to [`skip`].
    fn member<A: MapAccess<'de>>(&mut self, name: &str, value: &mut A) -> Result<(), A::Error>;
}

/// Parses one object; nothing may follow it.
pub(super) fn read_object<'de, M: Members<'de>>(json: &'de [u8], members: M) -> serde_json::Result<M> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let members = deserializer.deserialize_map(ObjectVisitor(members))?;
    deserializer.end()?;
    Ok(members)
}

/// Skips a value that is not needed, after the same checks.
pub(super) fn skip<'de, A: MapAccess<'de>>(value: &mut A) -> Result<(), A::Error> {
    value.next_value_seed(Strict { depth: 1 })
}

/// The member names that one object has so far.
struct Names<'de>(Vec<Cow<'de, str>>);

impl<'de> Names<'de> {
    fn new() -> Self {
        Self(Vec::with_capacity(16))
    }

    fn add<E: serde::de::Error>(&mut self, name: Cow<'de, str>) -> Result<&str, E> {
        if self.0.len() == MAX_MEMBERS {
            return Err(E::custom("too many members"));
        }
        if self.0.contains(&name) {
            return Err(E::custom("a member twice"));
        }
        self.0.push(name);
        Ok(self.0.last().map_or("", AsRef::as_ref))
    }
}

struct ObjectVisitor<M>(M);

impl<'de, M: Members<'de>> Visitor<'de> for ObjectVisitor<M> {
    type Value = M;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<M, A::Error> {
        let mut names = Names::new();
        while let Some(name) = map.next_key_seed(Name)? {
            let name = names.add(name)?;
            self.0.member(name, &mut map)?;
        }
        Ok(self.0)
    }
}

/// Deserialises a member's name; borrows it where the text has no escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// Deserialises any value, checks it and drops it.
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom("nested too deep"));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self.deeper()?)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut names = Names::new();
        while let Some(name) = map.next_key_seed(Name)? {
            names.add::<A::Error>(name)?;
            map.next_value_seed(self.deeper()?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Anything;

    impl<'de> Members<'de> for Anything {
        fn member<A: MapAccess<'de>>(&mut self, _: &str, value: &mut A) -> Result<(), A::Error> {
            skip(value)
        }
    }

    fn accepted(json: &str) -> bool {
        read_object(json.as_bytes(), Anything).is_ok()
    }

    #[test]
    fn plain_objects_are_read() {
        for good in ["{}", r#" {"a":1,"b":[{"a":1},{"a":[]}],"c":{"a":null}} "#, r#"{"a":1e308,"b":-0.5}"#] {
            assert!(accepted(good), "{good}");
        }
    }

    #[test]
    fn a_member_twice_is_refused_at_any_depth() {
        for bad in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"{"x":{"a":1,"a":2}}"#,
            r#"{"x":[0,[{"a":1,"b":2,"a":3}]]}"#,
        ] {
            assert!(!accepted(bad), "{bad}");
        }
    }

    #[test]
    fn size_and_depth_are_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(accepted(&nested(MAX_DEPTH - 1)));
        assert!(!accepted(&nested(MAX_DEPTH + 1)));
        assert!(!accepted(&nested(100_000)));
        let wide = |n: usize| {
            let members: Vec<_> = (0..n).map(|i| format!("\"m{i}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(accepted(&wide(MAX_MEMBERS)));
        assert!(!accepted(&wide(MAX_MEMBERS + 1)));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for bad in [
            "",
            "null",
            "[]",
            "\"a\"",
            "{} {}",
            "{}x",
            "{\"a\":}",
            "{\"a\":\"\u{1}\"}",
            "{'a':1}",
            "\u{feff}{}",
        ] {
            assert!(!accepted(bad), "{bad}");
        }
        assert!(read_object(b"{\"a\":\"\xff\"}", Anything).is_err());
    }
}
