//! `grant_type=authorization_code` (RFC 6749 §4.1.3, RFC 7636): exchanges a code from the hosted pages.

use super::{Exchange, required};
use crate::domain::CodePlain;
use crate::http::oauth2::error::OauthError;
use crate::tokens::{CodeRequest, Redeemed, TokenAnswer};

pub(super) async fn exchange(exchange: Exchange<'_>) -> Result<TokenAnswer, OauthError> {
    let code = required(exchange.form.code.as_ref(), "code is required")?;
    let request = CodeRequest {
        code: CodePlain::parse(code).ok_or(OauthError::InvalidGrant)?,
        client_id: exchange.client.id().to_owned(),
        redirect_uri: exchange.form.redirect_uri.clone(),
        verifier: exchange.form.code_verifier.clone(),
        resources: exchange.ask()?.resources,
    };
    match exchange.tokens.redeem(request, exchange.initiator).await? {
        Redeemed::Issued { tokens } => Ok(*tokens),
        Redeemed::Reused | Redeemed::Refused => Err(OauthError::InvalidGrant),
        Redeemed::TooMuch(what) => Err(what.into()),
        Redeemed::Throttled(throttled) => Err(OauthError::Throttled(throttled)),
    }
}
