//! `grant_type=authorization_code` (RFC 6749 §4.1.3, RFC 7636): exchanges a code from the hosted pages.

use super::{Exchange, required};
use crate::domain::CodePlain;
use crate::http::oauth2::error::OauthError;
use crate::tokens::{IssuedTokens, RedeemOutcome, RedeemRequest};

pub(super) async fn exchange(exchange: Exchange<'_>) -> Result<IssuedTokens, OauthError> {
    let code = required(exchange.form.code.as_ref(), "code is required")?;
    let request = RedeemRequest {
        code: CodePlain::parse(code).ok_or(OauthError::InvalidGrant)?,
        client_id: exchange.client.id().to_owned(),
        redirect_uri: exchange.form.redirect_uri.clone(),
        verifier: exchange.form.code_verifier.clone(),
        resources: exchange.access()?.resources,
    };
    match exchange.tokens.redeem(request, exchange.initiator).await? {
        RedeemOutcome::Issued { tokens } => Ok(*tokens),
        RedeemOutcome::Reused | RedeemOutcome::InvalidCode => Err(OauthError::InvalidGrant),
        RedeemOutcome::ExceedsGrant(what) => Err(what.into()),
        RedeemOutcome::Throttled(throttled) => Err(OauthError::Throttled(throttled)),
    }
}
