//! The links in mails.

/// The page that a link with a token opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkTarget {
    /// `/reset-password?token=`
    ResetPassword,
    /// `/verify-email?token=`
    VerifyEmail,
    /// `/register?invitation=`
    Register,
}

impl LinkTarget {
    fn path_and_parameter(self) -> &'static str {
        match self {
            Self::ResetPassword => "/reset-password?token=",
            Self::VerifyEmail => "/verify-email?token=",
            Self::Register => "/register?invitation=",
        }
    }
}

/// Builds a link from the configured issuer alone: nothing of a request, such as its `Host`, has a part in it. The token
/// consists of `A-Z a-z 0-9 - _`, so it needs no encoding.
pub fn link(issuer: &str, target: LinkTarget, token: &str) -> String {
    debug_assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    format!("{issuer}{}{token}", target.path_and_parameter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_the_issuer_a_page_and_one_parameter() {
        for (target, expected) in [
            (LinkTarget::ResetPassword, "https://a.example/id/reset-password?token=lk_A-z_0"),
            (LinkTarget::VerifyEmail, "https://a.example/id/verify-email?token=lk_A-z_0"),
            (LinkTarget::Register, "https://a.example/id/register?invitation=lk_A-z_0"),
        ] {
            assert_eq!(link("https://a.example/id", target, "lk_A-z_0"), expected);
        }
    }
}
