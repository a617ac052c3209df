//! `GET /whoami`: the claims of the token, as the service sees them.

use actix_web::HttpResponse;
use serde::Serialize;
use shared_claims::actix::Authenticated;
use shared_claims::claims::Roles;
use shared_claims::scope::Scopes;
use utoipa::ToSchema;

/// The token's holder.
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
    /// When the token ends, seconds since the epoch.
    exp: i64,
}

#[utoipa::path(
    get,
    path = "/whoami",
    tag = "token",
    summary = "What a service sees of the token",
    description = "Any good token will do. Touches no database.",
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
