//! What is asked of a request, whichever framework holds it.

/// A request, as far as authentication reads it.
pub(crate) trait Request {
    /// The values of a header, in order.
    fn bytes<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a [u8]>;

    /// The same as text; `None` for one with other than visible ASCII characters, spaces and tabs.
    fn values<'a>(&'a self, name: &'static str) -> impl Iterator<Item = Option<&'a str>> {
        self.bytes(name).map(ascii)
    }

    /// Whether the method changes nothing (RFC 9110 §9.2.1).
    fn is_safe(&self) -> bool;

    /// The query as it was sent, empty without one.
    fn query(&self) -> &str;

    /// The host and port in the target: of HTTP/2, and of the absolute form.
    fn authority(&self) -> Option<&str>;

    /// The scheme of the target, else of the connection.
    fn scheme(&self) -> Option<&str>;

    /// Whether there is such a header.
    fn has(&self, name: &'static str) -> bool {
        self.values(name).next().is_some()
    }

    /// The value of a header that is there once.
    fn only(&self, name: &'static str) -> Option<&str> {
        let mut values = self.values(name);
        let value = values.next()??;
        values.next().is_none().then_some(value)
    }

    /// The scheme that the client spoke, by what proxies say of it, in the order of actix-web's `ConnectionInfo`.
    fn public_scheme(&self) -> &str {
        let forwarded = || self.values("forwarded").flatten().find_map(forwarded_proto);
        let first = || Some(self.values("x-forwarded-proto").next()??.split(',').next()?.trim());
        forwarded().or_else(first).or_else(|| self.scheme()).unwrap_or("http")
    }
}

/// The first `proto` of a `Forwarded` header (RFC 7239 §4).
fn forwarded_proto(header: &str) -> Option<&str> {
    let mut pairs = header.split([';', ',']).filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("proto"))?;
    Some(value.trim().trim_matches('"'))
}

/// What `HeaderValue::to_str` gives, many bytes at a time instead of one: a token has a thousand.
pub(crate) fn ascii(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().filter(|text| text.is_ascii())
}
