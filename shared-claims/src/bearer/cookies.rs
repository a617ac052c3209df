//! The only code that reads cookies.
//!
//! Written by hand because of three things that cookie libraries do. They decode names, but a name that becomes
//! `__Host-…` only by decoding was set without the checks by which browsers protect that prefix. They trim more white
//! space than HTTP allows, with the same effect. And a malformed cookie can make them drop the valid ones beside it.

use super::error::BearerError;
use super::request::{Request, ascii};

/// The value of the cookie with this name, exactly as it was sent. `None` if the cookie is absent or empty.
///
/// A cookie that is sent twice is refused: another host of the same domain may have set one of the two, and their order
/// does not tell which.
pub(crate) fn find<'a>(request: &'a impl Request, name: &str) -> Result<Option<&'a str>, BearerError> {
    let pairs = request.bytes("cookie").flat_map(|header| header.split(|byte| *byte == b';'));
    let mut values = pairs.filter_map(|pair| value_of(pair, name));
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(BearerError::AmbiguousCookie);
    }
    let value = ascii(value).ok_or(BearerError::INVALID_TOKEN)?;
    Ok((!value.is_empty()).then_some(value))
}

/// The value of a pair with this name. A pair without `=` is a value without a name.
fn value_of<'a>(pair: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut parts = pair.splitn(2, |byte| *byte == b'=');
    let (its_name, value) = (parts.next()?, parts.next()?);
    (trim(its_name) == name.as_bytes()).then(|| trim(value))
}

/// Removes spaces and tabs at both ends (RFC 9110 §5.6.3).
fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A request with these `Cookie` headers.
    struct Sent(Vec<Vec<u8>>);

    impl Request for Sent {
        fn bytes<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
            self.0.iter().filter(move |_| name == "cookie").map(Vec::as_slice)
        }

        fn is_safe(&self) -> bool {
            true
        }

        fn query(&self) -> &'static str {
            ""
        }

        fn authority(&self) -> Option<&str> {
            None
        }

        fn scheme(&self) -> Option<&str> {
            None
        }
    }

    fn read(headers: &[&[u8]]) -> Result<Option<String>, BearerError> {
        let sent = Sent(headers.iter().map(|header| header.to_vec()).collect());
        find(&sent, "__Host-a").map(|value| value.map(str::to_owned))
    }

    fn text(value: &str) -> String {
        value.to_owned()
    }

    #[test]
    fn a_value_is_read_as_it_was_sent() {
        assert_eq!(read(&[b"__Host-a=x"]), Ok(Some(text("x"))));
        assert_eq!(read(&[b"b=1; __Host-a=x=y%20\"z\"; c"]), Ok(Some(text("x=y%20\"z\""))));
        assert_eq!(read(&[b"b=1", b" \t__Host-a =\tx "]), Ok(Some(text("x"))));
        assert_eq!(read(&[b"__Host-a="]), Ok(None));
        assert_eq!(read(&[b"b=1"]), Ok(None));
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn another_name_is_another_cookie() {
        for other in [
            &b"%5F%5FHost-a=x"[..],
            b"__Host%2Da=x",
            b"__host-a=x",
            b"__Host-a",
            b"=__Host-a=x",
            b"__Host-a2=x",
            b"\"__Host-a\"=x",
            "\u{2000}__Host-a=x".as_bytes(),
            "\u{a0}__Host-a=x".as_bytes(),
            b"\x0b__Host-a=x",
            b"$Version=1,__Host-a=x",
        ] {
            assert_eq!(read(&[other]), Ok(None), "{}", String::from_utf8_lossy(other));
            let both = [other, b"; __Host-a=own"].concat();
            assert_eq!(read(&[&both]), Ok(Some(text("own"))), "{}", String::from_utf8_lossy(other));
        }
    }

    #[test]
    fn a_cookie_that_is_sent_twice_is_refused() {
        for headers in [
            &[&b"__Host-a=x; __Host-a=x"[..]][..],
            &[b"__Host-a=x; b=1;__Host-a="],
            &[b"__Host-a=x", b"__Host-a=y"],
            &[b"__Host-a=\xff; __Host-a=y"],
        ] {
            assert_eq!(read(headers), Err(BearerError::AmbiguousCookie));
        }
    }

    #[test]
    fn malformed_cookies_beside_it_hide_nothing() {
        assert_eq!(read(&["b=ä; __Host-a=x; c=\u{1f600}".as_bytes()]), Ok(Some(text("x"))));
        assert_eq!(read(&["__Host-a=ä".as_bytes()]), Err(BearerError::INVALID_TOKEN));
        assert_eq!(read(&[b";;=;= ;,; __Host-a=x;"]), Ok(Some(text("x"))));
    }

    proptest! {
        /// A cookie that was sent once is found, with the value that was sent, whatever other cookies were sent with
        /// it.
        #[test]
        fn one_among_any_others_is_found(
            before in proptest::collection::vec("[ -:<-~]{0,9}(=[ -:<-~]{0,9})?", 0..4),
            value in "[!#-+\\--:<-~]{1,30}",
            after in proptest::collection::vec("[ -:<-~]{0,9}(=[ -:<-~]{0,9})?", 0..4),
        ) {
            let own = format!("__Host-a={value}");
            let all: Vec<_> = before.iter().chain([&own]).chain(&after).map(String::as_str).collect();
            prop_assert_eq!(read(&[all.join(";").as_bytes()]), Ok(Some(text(&value))));
        }

        /// No header causes a panic or yields a value that was not sent.
        #[test]
        fn any_bytes_are_read(header in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(Some(value)) = read(&[&header]) {
                prop_assert!(header.windows(value.len()).any(|part| part == value.as_bytes()));
            }
        }
    }
}
