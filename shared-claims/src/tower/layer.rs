//! The tower layer, and its configuration.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use http::HeaderValue;
use http::uri::{Authority, Scheme};
use tower_layer::Layer;

use super::service::BearerService;
use crate::bearer::{self, BearerError, InvalidOrigin, OriginCheck, Request};
use crate::claims::CustomClaims;
use crate::require::{AnyToken, Requirement};
use crate::verifier::{Verified, Verifier};

/// A layer that passes on requests with a valid access token that has the scopes and roles of `S`, and adds the
/// [`Verified<C>`](Verified) to their extensions. It answers all other requests itself. Cheap to clone.
///
/// ```
/// # use shared_claims::verifier::Verifier;
/// use axum::{Router, routing::get};
/// use shared_claims::tower::{BearerLayer, InvalidOrigin};
///
/// shared_claims::required_role!(Admin, "admin");
///
/// fn app(verifier: Verifier) -> Result<Router, InvalidOrigin> {
///     let bearer = BearerLayer::new(verifier)
///         .cookie("__Host-access_token")
///         .allowed_origins(["http://localhost:5173"])?;
///     let admin = Router::new().route("/users", get(async || "…")).route_layer(bearer.require::<Admin>());
///     Ok(Router::new().route("/me", get(async || "…")).route_layer(bearer).merge(admin))
/// }
/// ```
///
/// Put a layer that answers CORS preflight requests in front of it, because those requests carry no credentials.
pub struct BearerLayer<S = AnyToken, C = ()> {
    settings: Arc<Settings<C>>,
    required: PhantomData<fn() -> S>,
}

struct Settings<C> {
    verifier: Verifier<C>,
    cookie: Option<String>,
    origins: OriginCheck,
    over_tls: bool,
}

/// The decision about a request.
pub(super) enum Decision<C> {
    Known(Result<Verified<C>, BearerError>),
    /// The check of this token has to wait, for a key set or for a revocation source.
    Pending(String),
}

impl<C: CustomClaims> BearerLayer<AnyToken, C> {
    /// Accepts bearer tokens in the `Authorization` header; `verifier` checks them.
    ///
    /// ```
    /// # use shared_claims::{tower::BearerLayer, verifier::Verifier};
    /// fn layer(verifier: Verifier) -> BearerLayer {
    ///     BearerLayer::new(verifier)
    /// }
    /// ```
    pub fn new(verifier: Verifier<C>) -> Self {
        let settings = Settings { verifier, cookie: None, origins: OriginCheck::default(), over_tls: false };
        Self { settings: Arc::new(settings), required: PhantomData }
    }
}

impl<S, C: CustomClaims> BearerLayer<S, C> {
    /// Also accepts the token in this cookie (for example `__Host-access_token`) when there is no `Authorization`
    /// header. A request with the cookie that changes something must then come from the service's own origin.
    ///
    /// ```
    /// # use shared_claims::{tower::BearerLayer, verifier::Verifier};
    /// fn layer(verifier: Verifier) -> BearerLayer {
    ///     BearerLayer::new(verifier).cookie("__Host-access_token")
    /// }
    /// ```
    #[must_use]
    pub fn cookie(self, name: impl Into<String>) -> Self {
        self.with(|settings| settings.cookie = Some(name.into()))
    }

    /// Adds the origins, besides the service's own, from which a request with a cookie may change something. The
    /// service's own origin is recognised by the `Host` header, which a web page cannot choose. List the public origin
    /// if a proxy rewrites that header.
    ///
    /// # Errors
    /// [`InvalidOrigin`] names the first string that is not an origin.
    ///
    /// ```
    /// # use shared_claims::{tower::{BearerLayer, InvalidOrigin}, verifier::Verifier};
    /// fn layer(verifier: Verifier) -> Result<BearerLayer, InvalidOrigin> {
    ///     BearerLayer::new(verifier).cookie("__Host-access_token").allowed_origins(["https://app.example"])
    /// }
    /// ```
    pub fn allowed_origins<I, T>(self, origins: I) -> Result<Self, InvalidOrigin>
    where
        I: IntoIterator<Item = T>,
        T: AsRef<str>,
    {
        let origins = OriginCheck::new(origins)?;
        Ok(self.with(|settings| settings.origins = origins))
    }

    /// Declares that the service ends TLS itself, which an HTTP/1.1 request does not show. A page that was loaded over
    /// plain `http` then counts as foreign. Behind a proxy this is not needed: `Forwarded` or `X-Forwarded-Proto` says
    /// it.
    ///
    /// ```
    /// # use shared_claims::{tower::BearerLayer, verifier::Verifier};
    /// fn layer(verifier: Verifier) -> BearerLayer {
    ///     BearerLayer::new(verifier).cookie("__Host-access_token").over_tls()
    /// }
    /// ```
    #[must_use]
    pub fn over_tls(self) -> Self {
        self.with(|settings| settings.over_tls = true)
    }

    /// The layer with this requirement instead of the earlier one. To require both, use `require::<(A, B)>()`.
    ///
    /// ```
    /// # use shared_claims::{tower::BearerLayer, verifier::Verifier};
    /// shared_claims::required_scope!(NotesRead, "notes:read");
    ///
    /// fn layer(verifier: Verifier) -> BearerLayer<NotesRead> {
    ///     BearerLayer::new(verifier).require::<NotesRead>()
    /// }
    /// ```
    #[must_use]
    pub fn require<R: Requirement>(&self) -> BearerLayer<R, C> {
        BearerLayer { settings: Arc::clone(&self.settings), required: PhantomData }
    }

    fn with(mut self, change: impl FnOnce(&mut Settings<C>)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S: Requirement, C: CustomClaims> BearerLayer<S, C> {
    pub(super) fn decide<B>(&self, request: &http::Request<B>) -> Decision<C> {
        let Settings { verifier, cookie, origins, over_tls } = &*self.settings;
        let incoming = Incoming { request, over_tls: *over_tls };
        let token = match bearer::find_token(&incoming, cookie.as_deref(), origins) {
            Ok(token) => token,
            Err(error) => return Decision::Known(Err(error)),
        };
        match bearer::verify_now(verifier, token) {
            Some(outcome) => Decision::Known(outcome.and_then(Self::admit)),
            None => Decision::Pending(token.to_owned()),
        }
    }

    /// Checks a token that has to wait.
    pub(super) async fn wait(self, token: String) -> Result<Verified<C>, BearerError> {
        bearer::verify(&self.settings.verifier, &token).await.and_then(Self::admit)
    }

    fn admit(verified: Verified<C>) -> Result<Verified<C>, BearerError> {
        S::check(&verified)?;
        Ok(verified)
    }
}

/// A request, with what the service knows of its connection.
struct Incoming<'r, B> {
    request: &'r http::Request<B>,
    /// Whether the connection uses TLS, as far as the service knows.
    over_tls: bool,
}

impl<B> Request for Incoming<'_, B> {
    fn bytes<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        self.request.headers().get_all(name).iter().map(HeaderValue::as_bytes)
    }

    fn is_safe(&self) -> bool {
        self.request.method().is_safe()
    }

    fn query(&self) -> &str {
        self.request.uri().query().unwrap_or_default()
    }

    fn authority(&self) -> Option<&str> {
        self.request.uri().authority().map(Authority::as_str)
    }

    fn scheme(&self) -> Option<&str> {
        let target = self.request.uri().scheme().map(Scheme::as_str);
        target.or_else(|| self.over_tls.then_some("https"))
    }
}

impl<Inner, S, C> Layer<Inner> for BearerLayer<S, C> {
    type Service = BearerService<Inner, S, C>;

    fn layer(&self, inner: Inner) -> Self::Service {
        BearerService { inner, layer: self.clone() }
    }
}

// Not derived, because a derive would require the same traits of `S` and `C`.
impl<S, C> Clone for BearerLayer<S, C> {
    fn clone(&self) -> Self {
        Self { settings: Arc::clone(&self.settings), required: PhantomData }
    }
}

impl<C> Clone for Settings<C> {
    fn clone(&self) -> Self {
        let Self { verifier, cookie, origins, over_tls } = self;
        let (verifier, cookie, origins) = (verifier.clone(), cookie.clone(), origins.clone());
        Self { verifier, cookie, origins, over_tls: *over_tls }
    }
}

impl<S, C> fmt::Debug for BearerLayer<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { cookie, origins, over_tls, .. } = &*self.settings;
        f.debug_struct("BearerLayer")
            .field("cookie", cookie)
            .field("origins", origins)
            .field("over_tls", over_tls)
            .finish_non_exhaustive()
    }
}
