//! What is told how requests authenticate, and put before services.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use tower_layer::Layer;

use super::request::Incoming;
use super::service::BearerService;
use crate::bearer::{self, InvalidOrigin, Origins, Refusal};
use crate::claims::CustomClaims;
use crate::require::{AnyScope, Requirement};
use crate::verifier::{Verified, Verifier};

/// Lets requests pass that carry a good access token with what `S` needs, and puts the [`Verified<C>`](Verified) into
/// their extensions. All others it answers itself. Cheap to clone.
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
/// A layer that answers preflight requests (CORS) stands before it: they carry no credentials.
pub struct BearerLayer<S = AnyScope, C = ()> {
    settings: Arc<Settings<C>>,
    required: PhantomData<fn() -> S>,
}

struct Settings<C> {
    verifier: Verifier<C>,
    cookie: Option<String>,
    origins: Origins,
    over_tls: bool,
}

/// What a request comes to.
pub(super) enum Decision<C> {
    Known(Result<Verified<C>, Refusal>),
    /// This token must be waited for.
    Pending(String),
}

impl<C: CustomClaims> BearerLayer<AnyScope, C> {
    /// Bearer tokens in the `Authorization` header, checked by `verifier`.
    ///
    /// ```
    /// # use shared_claims::{tower::BearerLayer, verifier::Verifier};
    /// fn layer(verifier: Verifier) -> BearerLayer {
    ///     BearerLayer::new(verifier)
    /// }
    /// ```
    pub fn new(verifier: Verifier<C>) -> Self {
        let settings = Settings { verifier, cookie: None, origins: Origins::default(), over_tls: false };
        Self { settings: Arc::new(settings), required: PhantomData }
    }
}

impl<S, C: CustomClaims> BearerLayer<S, C> {
    /// Takes the token from this cookie too, when there is no `Authorization` header: `__Host-access_token`. A request
    /// that changes something must then come from our own origin.
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

    /// The origins, besides our own, from which a cookie may change something. Our own is recognised by the `Host`
    /// header, which no page can choose; where a proxy rewrites it, list the public origin.
    ///
    /// # Errors
    /// [`InvalidOrigin`] names the first that is none.
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
        let origins = Origins::new(origins)?;
        Ok(self.with(|settings| settings.origins = origins))
    }

    /// Says that the service ends TLS itself, which a request of HTTP/1.1 does not tell: a page that was loaded in the
    /// clear is foreign then. Behind a proxy, `Forwarded` or `X-Forwarded-Proto` says it.
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

    /// The same with another requirement, in the place of the one before: who needs both says `require::<(A, B)>()`.
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
            Err(refusal) => return Decision::Known(Err(refusal)),
        };
        match bearer::verify_now(verifier, token) {
            Some(outcome) => Decision::Known(outcome.and_then(Self::admit)),
            None => Decision::Pending(token.to_owned()),
        }
    }

    /// What a token that must be waited for comes to.
    pub(super) async fn wait(self, token: String) -> Result<Verified<C>, Refusal> {
        bearer::verify(&self.settings.verifier, &token).await.and_then(Self::admit)
    }

    fn admit(verified: Verified<C>) -> Result<Verified<C>, Refusal> {
        S::check(&verified)?;
        Ok(verified)
    }
}

impl<Inner, S, C> Layer<Inner> for BearerLayer<S, C> {
    type Service = BearerService<Inner, S, C>;

    fn layer(&self, inner: Inner) -> Self::Service {
        BearerService { inner, layer: self.clone() }
    }
}

// Derived, these would ask for an `S` and a `C` that can do it too.
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
