//! The view of an HTTP request that authentication uses, for every web framework.

/// The parts of a request that authentication reads.
pub(crate) trait Request {
    /// The values of a header, in the order in which they were sent.
    fn bytes<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a [u8]>;

    /// The values as text; `None` for a value with characters other than visible ASCII, spaces and tabs.
    fn values<'a>(&'a self, name: &'static str) -> impl Iterator<Item = Option<&'a str>> {
        self.bytes(name).map(ascii)
    }

    /// Whether the method is safe (RFC 9110 §9.2.1).
    fn is_safe(&self) -> bool;

    /// The query as it was sent; empty if there is none.
    fn query(&self) -> &str;

    /// Host and port of the request target (HTTP/2, or the absolute form of HTTP/1.1).
    fn authority(&self) -> Option<&str>;

    /// The scheme of the request target, else of the connection.
    fn scheme(&self) -> Option<&str>;

    /// Whether the request has this header.
    fn has(&self, name: &'static str) -> bool {
        self.values(name).next().is_some()
    }

    /// The value of a header that was sent exactly once.
    fn only(&self, name: &'static str) -> Option<&str> {
        let mut values = self.values(name);
        let value = values.next()??;
        values.next().is_none().then_some(value)
    }

    /// The scheme that the client used, as proxies report it. Looks at the same headers in the same order as
    /// actix-web's `ConnectionInfo`.
    fn public_scheme(&self) -> &str {
        let forwarded = || self.values("forwarded").flatten().find_map(forwarded_proto);
        let first = || Some(self.values("x-forwarded-proto").next()??.split(',').next()?.trim());
        forwarded().or_else(first).or_else(|| self.scheme()).unwrap_or("http")
    }
}

/// The first `proto` parameter of a `Forwarded` header (RFC 7239 §4).
fn forwarded_proto(header: &str) -> Option<&str> {
    let mut pairs = header.split([';', ',']).filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("proto"))?;
    Some(value.trim().trim_matches('"'))
}

/// Returns the same as `HeaderValue::to_str`, but checks many bytes at a time instead of one: a token has about a
/// thousand.
pub(crate) fn ascii(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().filter(|text| text.is_ascii())
}
