//! Helpers that do what an operator's commands do.

use std::sync::Arc;

use auth_service::accounts::{Administration, CreateUserRequest, UserDetails};
use auth_service::domain::{Initiator, PasswordHash, RoleNames};
use auth_service::random::Random;
use auth_service::startup::cut_rules;
use auth_service::storage::UnitOfWork;
use shared_claims::clock::SharedClock;

use super::TestApp;

impl TestApp {
    /// The use cases with which `auth-service users` changes users.
    pub(crate) fn administration(&self) -> Administration {
        let clock = Arc::clone(&self.clock) as SharedClock;
        let unit_of_work = UnitOfWork::new(self.database.clone(), clock, Random::system());
        Administration::new(unit_of_work, cut_rules(self.settings()), Initiator::operator())
    }

    /// Makes a user with the usual password, as an operator does.
    pub(crate) async fn make_user(&self, name: &str) {
        let request = CreateUserRequest { username: name, email: None, roles: "" };
        let hash = PasswordHash { scheme: "bcrypt".into(), value: bcrypt::hash(super::PASSWORD, 4).unwrap() };
        self.administration().create(UserDetails::parse(request).unwrap(), hash).await.unwrap();
    }

    pub(crate) async fn disable(&self, who: &str) {
        self.administration().disable(who).await.unwrap().unwrap();
    }

    /// Changes the password of a user to an unknown one.
    pub(crate) async fn change_password(&self, who: &str) {
        let hash = bcrypt::hash("a password that nobody knows", 4).unwrap();
        let hash = PasswordHash { scheme: "bcrypt".into(), value: hash };
        self.administration().set_password(who, hash).await.unwrap().unwrap();
    }

    pub(crate) async fn delete_user(&self, who: &str) {
        self.administration().delete(who).await.unwrap().unwrap();
    }

    pub(crate) async fn set_roles(&self, who: &str, roles: &str) {
        let roles = RoleNames::parse(roles).unwrap();
        self.administration().set_roles(who, roles).await.unwrap().unwrap();
    }
}
