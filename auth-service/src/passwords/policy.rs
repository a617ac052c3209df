//! Judges new passwords: at registration, reset, change, and by command.

use super::breaches::BreachCheck;
use super::common::{fold, is_common};
use super::{PasswordError, Passwords};
use crate::domain::{Password, PasswordRule, PasswordRules};

/// A name or an address with more bytes is not compared: nobody has such a one.
const LONGEST_COMPARED: usize = 1_600;

/// Whose password it is to be: what it must not be equal to.
#[derive(Clone, Copy, Debug)]
pub struct PasswordOwner<'a> {
    /// The user name.
    pub username: &'a str,
    /// The address, if there is one; of somebody who asks for a new address, the one that is stored.
    pub email: Option<&'a str>,
}

/// The rules for new passwords. Cheap to clone.
#[derive(Clone)]
pub struct PasswordPolicy {
    hashing: Passwords,
    rules: PasswordRules,
    breaches: Option<BreachCheck>,
}

impl PasswordPolicy {
    /// Builds the policy. Without `breaches` no service is asked.
    pub fn new(hashing: Passwords, rules: PasswordRules, breaches: Option<BreachCheck>) -> Self {
        Self { hashing, rules, breaches }
    }

    /// The bounds on the length.
    pub fn rules(&self) -> PasswordRules {
        self.rules
    }

    /// The check for leaked passwords, if one is configured.
    pub fn breaches(&self) -> Option<&BreachCheck> {
        self.breaches.as_ref()
    }

    /// Checks a new password: its length, then the list of common ones and the owner's name and address, then the
    /// service for leaked ones, if there is one. What is slow to normalise is normalised on a hashing thread.
    ///
    /// # Errors
    /// The outer error is ours; the inner one is the rule that the password breaks.
    pub async fn check(
        &self,
        text: &str,
        owner: PasswordOwner<'_>,
    ) -> Result<Result<Password, PasswordRule>, PasswordError> {
        let rules = self.rules;
        let judged = if text.is_ascii() || Password::is_out_of_reach(text.len(), rules) {
            judge(text, rules, &forbidden(owner))
        } else {
            let (typed, forbidden) = (Password::presented(text), forbidden(owner));
            let judged = move |_: &_| Ok(judge(typed.as_typed(), rules, &forbidden));
            self.hashing.inner.pool.run(self.hashing.caller, judged).await?
        };
        match (judged, &self.breaches) {
            (Ok(password), Some(breaches)) if breaches.knows(&password).await => {
                Ok(Err(PasswordRule::Common))
            }
            (judged, _) => Ok(judged),
        }
    }
}

/// The texts that the owner must not use, folded.
fn forbidden(owner: PasswordOwner<'_>) -> Vec<String> {
    let texts = [Some(owner.username), owner.email].into_iter().flatten();
    texts.filter(|text| text.len() <= LONGEST_COMPARED).map(fold).collect()
}

fn judge(text: &str, rules: PasswordRules, forbidden: &[String]) -> Result<Password, PasswordRule> {
    let password = Password::parse(text, rules)?;
    let folded = zeroize::Zeroizing::new(fold(text));
    if is_common(&folded) {
        return Err(PasswordRule::Common);
    }
    if forbidden.contains(&*folded) {
        return Err(PasswordRule::EqualsNameOrAddress);
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::CallerNetwork;
    use crate::passwords::HashSettings;
    use crate::random::Random;

    const ADA: PasswordOwner<'_> =
        PasswordOwner { username: "Augusta Ada King", email: Some("Ada.Lovelace@example.org") };

    fn policy(min_length: usize) -> PasswordPolicy {
        let max_wait = std::time::Duration::from_secs(600);
        let settings = HashSettings { bcrypt_cost: 4, workers: 1, queue_limit: 1, max_wait };
        let hashing = Passwords::new(&[5; 32], settings, Random::system());
        PasswordPolicy::new(hashing, PasswordRules { min_length, max_length: 256 }, None)
    }

    async fn broken(policy: &PasswordPolicy, text: &str) -> Option<PasswordRule> {
        policy.check(text, ADA).await.unwrap().err()
    }

    #[tokio::test]
    async fn common_passwords_names_and_addresses_are_refused_without_regard_to_case() {
        let policy = policy(8);
        for (text, rule) in [
            ("password1", Some(PasswordRule::Common)),
            ("PASSWORD1", Some(PasswordRule::Common)),
            ("ｐａｓｓｗｏｒｄ１", Some(PasswordRule::Common)),
            ("augusta ada king", Some(PasswordRule::EqualsNameOrAddress)),
            ("ａｕｇｕｓｔａ ａｄａ ｋｉｎｇ", Some(PasswordRule::EqualsNameOrAddress)),
            ("ADA.LOVELACE@EXAMPLE.ORG", Some(PasswordRule::EqualsNameOrAddress)),
            ("Ada.Lovelace", None),
            ("augusta ada kings", None),
            ("correct horse battery staple", None),
            ("short", Some(PasswordRule::TooShort(8))),
        ] {
            assert_eq!(broken(&policy, text).await, rule, "{text}");
        }
    }

    /// No composition rules: letters alone, spaces, any script, 64 characters and more.
    #[tokio::test]
    async fn pass_phrases_of_any_kind_are_accepted() {
        let policy = policy(12);
        for text in [
            "correct horse battery staple".to_owned(),
            "            a  ".to_owned(),
            "ü".repeat(64),
            "пароль из слов".to_owned(),
            "\u{1f600}".repeat(25),
        ] {
            assert_eq!(broken(&policy, &text).await, None, "{text}");
        }
    }

    /// The NFKC form of these characters is eighteen times as long, and takes a hundred times as long to compute as
    /// for ASCII.
    #[tokio::test]
    async fn a_slow_normalisation_runs_on_a_hashing_thread() {
        let policy = policy(12);
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let busy = policy.hashing.clone();
        let busy = tokio::spawn(async move {
            busy.inner
                .pool
                .run(CallerNetwork::Unknown, move |_| gate.recv().map_err(|_| PasswordError::Panicked))
                .await
        });
        let slow = "\u{fdfa}".repeat(1000);
        let waiting = broken(&policy, &slow);
        tokio::pin!(waiting);
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("the slow check ran on this thread"),
            () = tokio::task::yield_now() => {}
        }
        // A check that is fast does not need a hashing thread.
        for (text, expected) in [
            ("correct horse battery staple".to_owned(), None),
            ("short".to_owned(), Some(PasswordRule::TooShort(12))),
            ("\u{fdfa}".repeat(2000), Some(PasswordRule::TooLong(256))),
        ] {
            assert_eq!(broken(&policy, &text).await, expected);
        }
        open.send(()).unwrap();
        busy.await.unwrap().unwrap();
        assert_eq!(waiting.await, Some(PasswordRule::TooLong(256)));
        assert_eq!(broken(&policy, &"\u{fdfa}".repeat(14)).await, None);
    }
}
