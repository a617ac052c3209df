//! Parses the forms of a Redis URL.

use super::{InvalidRedisUrl, Login, Place};

/// Parses a URL. Accepts only URLs that the Redis client understands, too.
pub(super) fn place(url: &str) -> Result<Place, InvalidRedisUrl> {
    let (scheme, rest) = url.split_once("://").ok_or(InvalidRedisUrl)?;
    let place = match scheme {
        "redis" | "valkey" => server("redis", rest),
        "rediss" | "valkeys" => server("rediss", rest),
        "unix" | "redis+unix" => {
            Ok(Place::Server(Login { scheme: "unix", userinfo: None, rest: String::new() }, rest.to_owned()))
        }
        "redis-cluster" => cluster("redis", rest),
        "rediss-cluster" => cluster("rediss", rest),
        "redis-sentinel" => sentinel("redis", rest),
        "rediss-sentinel" => sentinel("rediss", rest),
        _ => Err(InvalidRedisUrl),
    }?;
    let is_understood = |url: String| redis::Client::open(url).is_ok();
    let all_understood = match &place {
        Place::Server(login, host) => is_understood(login.url(host)),
        Place::Cluster(login, hosts) => hosts.iter().all(|host| is_understood(login.url(host))),
        Place::Sentinel { login, sentinel_login, sentinels, .. } => {
            is_understood(login.url("localhost"))
                && sentinels.iter().all(|host| is_understood(sentinel_login.url(host)))
        }
    };
    if all_understood { Ok(place) } else { Err(InvalidRedisUrl) }
}

fn server(scheme: &'static str, rest: &str) -> Result<Place, InvalidRedisUrl> {
    let (userinfo, host, rest) = split(rest);
    if host.is_empty() || host.contains(',') {
        return Err(InvalidRedisUrl);
    }
    Ok(Place::Server(Login { scheme, userinfo, rest }, host))
}

fn cluster(scheme: &'static str, rest: &str) -> Result<Place, InvalidRedisUrl> {
    let (userinfo, hosts, rest) = split(rest);
    // A cluster has only database 0.
    if !matches!(&*rest, "" | "/" | "/0") {
        return Err(InvalidRedisUrl);
    }
    Ok(Place::Cluster(Login { scheme, userinfo, rest: String::new() }, several(&hosts)?))
}

fn sentinel(scheme: &'static str, rest: &str) -> Result<Place, InvalidRedisUrl> {
    let (userinfo, hosts, rest) = split(rest);
    let (path, options) = rest.split_once('?').unwrap_or((&rest, ""));
    let path = path.strip_prefix('/').ok_or(InvalidRedisUrl)?;
    let (master, database) = path.split_once('/').unwrap_or((path, ""));
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if master.is_empty() || !master.bytes().all(named) {
        return Err(InvalidRedisUrl);
    }
    let (mut username, mut password) = ("", None);
    for option in options.split('&').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("sentinel_username", value)) => username = value,
            Some(("sentinel_password", value)) => password = Some(value),
            _ => return Err(InvalidRedisUrl),
        }
    }
    let sentinel_userinfo = password.map(|password| format!("{username}:{password}"));
    let rest = if database.is_empty() { String::new() } else { format!("/{database}") };
    Ok(Place::Sentinel {
        login: Login { scheme, userinfo, rest },
        sentinel_login: Login { scheme, userinfo: sentinel_userinfo, rest: String::new() },
        sentinels: several(&hosts)?,
        master: master.to_owned(),
    })
}

/// Splits the text into user name and password, hosts, and the rest.
fn split(text: &str) -> (Option<String>, String, String) {
    let end = text.find(['/', '?']).unwrap_or(text.len());
    let (authority, rest) = text.split_at(end);
    let (userinfo, hosts) = match authority.rsplit_once('@') {
        Some((userinfo, hosts)) => (Some(userinfo.to_owned()), hosts),
        None => (None, authority),
    };
    (userinfo, hosts.to_owned(), rest.to_owned())
}

fn several(hosts: &str) -> Result<Vec<String>, InvalidRedisUrl> {
    let hosts: Vec<String> = hosts.split(',').map(str::to_owned).collect();
    if hosts.iter().any(String::is_empty) { Err(InvalidRedisUrl) } else { Ok(hosts) }
}

#[cfg(test)]
mod tests {
    use super::super::RedisAddress;
    use super::*;

    #[test]
    fn every_form_is_understood_and_shown_without_its_secrets() {
        for (url, shown) in [
            ("redis://localhost", "redis://localhost"),
            ("redis://reader:hunter2@localhost:6390/3", "redis://localhost:6390"),
            ("rediss://:hunter2@redis.example:6380/1?protocol=resp3", "rediss://redis.example:6380"),
            ("unix:///run/redis.sock", "unix:///run/redis.sock"),
            ("redis://[::1]:6379", "redis://[::1]:6379"),
            ("redis-cluster://a:7000", "redis-cluster://a:7000"),
            ("rediss-cluster://u:hunter2@a:7000,b:7001/0", "rediss-cluster://a:7000,b:7001"),
            ("redis-sentinel://a:26379/main", "redis-sentinel://a:26379/main"),
            (
                "redis-sentinel://u:hunter2@a:26379,b:26379/main/2?sentinel_username=s&sentinel_password=hunter2",
                "redis-sentinel://a:26379,b:26379/main",
            ),
        ] {
            let address = RedisAddress::parse(url).unwrap();
            assert_eq!(address.to_string(), shown);
            assert!(!format!("{address:?}").contains("hunter2"));
        }
    }

    #[test]
    fn other_texts_are_refused_and_not_repeated() {
        for url in [
            "",
            "localhost:6379",
            "http://reader:hunter2@localhost",
            "redis://",
            "redis://a,b",
            "redis://localhost:port",
            "redis://localhost/three",
            "redis-cluster://",
            "redis-cluster://a:1,,b:2",
            "redis-cluster://a:7000/1",
            "redis-sentinel://a:26379",
            "redis-sentinel://a:26379/",
            "redis-sentinel://a:26379/ma in",
            "redis-sentinel://a:26379/main?password=hunter2",
            "redis-sentinel://a:26379/main/x",
        ] {
            let error = RedisAddress::parse(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{url}");
        }
    }

    #[test]
    fn redis_and_sentinels_have_credentials_of_their_own() {
        let url = "rediss-sentinel://u:p%40@a:1/main/2?sentinel_username=s&sentinel_password=q%2F";
        let Ok(Place::Sentinel { login, sentinel_login, .. }) = place(url) else { panic!("{url}") };
        assert_eq!(login.url("b:2"), "rediss://u:p%40@b:2/2");
        assert_eq!(sentinel_login.url("a:1"), "rediss://s:q%2F@a:1");
    }
}
