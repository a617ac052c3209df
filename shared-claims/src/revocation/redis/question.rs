//! The single round trip of a lookup.

use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue as _, RedisResult, Value};

use super::keys::RedisKeys;
use super::page::time_ms;
use crate::revocation::contract::fact_expiry_s;
use crate::revocation::{RevocationFact, RevocationKind, RevocationQuery};

/// What Redis knows about one token.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) epoch: Option<String>,
    pub(super) as_of_ms: Option<i64>,
    pub(super) time_ms: i64,
    /// The facts that were found, whether or not they concern this token (a cut may be older than the token). They are
    /// kept until shortly after this token's expiry.
    pub(super) facts: Vec<RevocationFact>,
    /// Whether a value was found that cannot be parsed.
    pub(super) garbled: bool,
}

/// Asks for every fact that can concern the token, and for the moment as of which the list is complete. `TIME` comes
/// after `MGET`, so that an age computed from it is never too small.
pub(super) async fn ask(
    redis: &mut MultiplexedConnection,
    keys: &RedisKeys,
    query: &RevocationQuery<'_>,
) -> RedisResult<Answer> {
    let mut ids = vec![(RevocationKind::Jti, query.jti.to_string())];
    ids.extend(query.sid.map(|sid| (RevocationKind::Sid, sid.to_string())));
    ids.push((RevocationKind::Sub, query.sub.to_owned()));
    ids.push((RevocationKind::Client, query.client_id.to_owned()));
    ids.push((RevocationKind::Key, query.kid.to_owned()));
    let names: Vec<String> = ids.iter().map(|(kind, id)| keys.fact(*kind, id)).collect();
    let (mut answer, values) = read_values(redis, keys, &names).await?;
    for ((kind, id), value) in ids.into_iter().zip(values) {
        if value == Value::Nil {
            continue;
        }
        let at = kind.has_cut().then(|| i64::from_redis_value(value).ok());
        if at == Some(None) {
            answer.garbled = true;
            continue;
        }
        let exp = fact_expiry_s(query.exp);
        answer.facts.push(RevocationFact { kind, id, at: at.flatten(), exp });
    }
    Ok(answer)
}

/// Asks only for the state of the list.
pub(super) async fn ask_freshness(
    redis: &mut MultiplexedConnection,
    keys: &RedisKeys,
) -> RedisResult<Answer> {
    Ok(read_values(redis, keys, &[]).await?.0)
}

async fn read_values(
    redis: &mut MultiplexedConnection,
    keys: &RedisKeys,
    names: &[String],
) -> RedisResult<(Answer, Vec<Value>)> {
    let mut pipeline = redis::pipe();
    pipeline.cmd("MGET").arg(keys.epoch()).arg(keys.as_of()).arg(names);
    pipeline.cmd("TIME");
    let (values, time): (Vec<Value>, (i64, i64)) = pipeline.query_async(redis).await?;
    if values.len() != names.len() + 2 {
        return Err((redis::ErrorKind::UnexpectedReturnType, "MGET answered another number of values").into());
    }
    let mut values = values.into_iter();
    let mut head =
        || values.next().and_then(|value| Option::<String>::from_redis_value(value).ok()).flatten();
    let (epoch, as_of) = (head(), head());
    let as_of_ms = as_of.and_then(|as_of| as_of.parse().ok());
    Ok((Answer { epoch, as_of_ms, time_ms: time_ms(time), ..Answer::default() }, values.collect()))
}
