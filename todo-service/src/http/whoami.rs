//! `GET /whoami`: the claims of the token, as the service sees them.

use actix_web::HttpResponse;
use serde::Serialize;
use shared_claims::actix::Authenticated;
use shared_claims::claims::Roles;
use shared_claims::scope::Scopes;
use utoipa::ToSchema;

/// The user or client of the token.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Whoami)]
pub(super) struct WhoamiResponse<'a> {
    sub: &'a str,
    username: Option<&'a str>,
    client_id: &'a str,
    #[schema(value_type = String, example = "openid profile todos:read todos:write")]
    scope: &'a Scopes,
    #[schema(value_type = Vec<String>)]
    roles: &'a Roles,
    /// When the token expires, seconds since the Unix epoch.
    exp: i64,
}

#[utoipa::path(
    get,
    path = "/whoami",
    tag = "token",
    summary = "The claims of the token",
    description = "Accepts any valid token. Does not use the database.",
    responses((status = 200, body = WhoamiResponse)),
    security(("password" = []), ("bearer" = [])),
)]
pub(super) async fn whoami(user: Authenticated) -> HttpResponse {
    HttpResponse::Ok().json(WhoamiResponse {
        sub: &user.sub,
        username: user.username.as_deref(),
        client_id: &user.client_id,
        scope: &user.scope,
        roles: &user.roles,
        exp: user.exp,
    })
}
