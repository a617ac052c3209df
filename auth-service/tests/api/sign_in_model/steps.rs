//! What somebody may do.

use proptest::prelude::*;

/// A request of an application.
#[derive(Clone, Copy, Debug)]
pub(super) enum Request {
    Plain,
    /// `prompt=login`
    Login,
    /// `max_age=0`
    MaxAge,
    /// `prompt=select_account`
    Choose,
    /// Of an application that asks for consent.
    Consent,
}

/// Something that somebody does. The numbers choose a replica, a page or a person.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Open {
        request: Request,
        replica: usize,
    },
    /// Signs in with the form of a page that was shown before.
    SignIn {
        page: usize,
        person: usize,
        replica: usize,
        twice: bool,
    },
    /// Opens the address of a page that was shown before.
    Reopen {
        page: usize,
        replica: usize,
    },
    SignOut {
        replica: usize,
    },
    Wait {
        seconds: u64,
    },
    Restart {
        replica: usize,
    },
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let request = prop_oneof![
        Just(Request::Plain),
        Just(Request::Login),
        Just(Request::MaxAge),
        Just(Request::Choose),
        Just(Request::Consent),
    ];
    let (page, person, replica) = (0_usize..100, 0_usize..2, 0_usize..2);
    prop_oneof![
        5 => (request, replica.clone()).prop_map(|(request, replica)| Step::Open { request, replica }),
        5 => (page.clone(), person, replica.clone(), any::<bool>())
            .prop_map(|(page, person, replica, twice)| Step::SignIn { page, person, replica, twice }),
        3 => (page, replica.clone()).prop_map(|(page, replica)| Step::Reopen { page, replica }),
        1 => replica.clone().prop_map(|replica| Step::SignOut { replica }),
        2 => prop_oneof![1_u64..30, 60_u64..900, 3_000_u64..100_000].prop_map(|seconds| Step::Wait { seconds }),
        1 => replica.prop_map(|replica| Step::Restart { replica }),
    ]
}
