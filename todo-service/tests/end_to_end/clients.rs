//! A client with its own tokens (`client_credentials`), and the refusal of those tokens after they were revoked or the
//! client was disabled.

use service_kit::database::Backend;

use crate::delivery::{Delivery, Services};

#[actix_web::test]
async fn a_client_s_token_is_accepted_until_it_or_its_client_is_revoked() {
    for (delivery, backend) in [
        (Delivery::Feed, Backend::Sqlite),
        (Delivery::RedisMirror, Backend::Postgres),
        (Delivery::RedisLookup, Backend::Sqlite),
    ] {
        let Services { issuer, service, .. } = &Services::start(delivery, backend).await;
        let (one, other, reader) = (
            issuer.token_of_service("").await,
            issuer.token_of_service("").await,
            issuer.token_of_service("todos:read").await,
        );
        let (status, todo) = service.create(&one).await;
        assert_eq!(status, 201, "{delivery:?}");
        assert_eq!(service.get(&todo, &other).await, 200);
        assert_eq!(service.create(&reader).await.0, 403);
        // A todo that a client created belongs to that client; other users cannot read it.
        issuer.register("ada").await;
        let ada = issuer.login("ada").await;
        assert_eq!(service.get(&todo, &ada.access).await, 404);

        issuer.revoke_as_service(&one).await;
        service.refuses_within_a_second(&one).await;
        service.accepts(&other).await;

        issuer.disable_service().await;
        for token in [&other, &reader] {
            service.refuses_within_a_second(token).await;
        }
        service.accepts(&ada.access).await;
    }
}
