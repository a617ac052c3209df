//! A model of the life cycle of refresh tokens as the contract describes it. It shares no code with the service.

/// The settings that the model depends on, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) replay: i64,
    pub(super) refresh: i64,
    pub(super) session: i64,
    pub(super) access: i64,
    pub(super) leeway: i64,
}

/// The scope of a session or of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    Read,
    All,
    /// A scope that does not exist.
    Unknown,
}

/// A request, or an action of an operator. A token is identified by its login and its position among the tokens of
/// that login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    LogIn(Scope),
    Refresh { login: usize, generation: usize, scope: Option<Scope> },
    RevokeRefreshToken { login: usize, generation: usize },
    RevokeAccessToken { login: usize, access: usize },
    LogOut { login: usize, access: usize },
    LogOutAll { login: usize, access: usize },
    Disable,
    Enable,
}

/// The outcome of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// Tokens were issued: the first of a login, or the successor of the presented one.
    Issued {
        scope: Scope,
        expires_in: i64,
    },
    Done,
    /// The request was refused with 401.
    Refused,
    /// The scope was refused with 400.
    WrongScope,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct RefreshToken {
    issued_ms: i64,
    used_ms: Option<i64>,
    /// How often the token was issued again, more than five seconds after it was first issued.
    late_replays: usize,
}

impl RefreshToken {
    fn issued(issued_ms: i64) -> Self {
        Self { issued_ms, used_ms: None, late_replays: 0 }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct AccessToken {
    expires_s: i64,
    revoked: bool,
}

/// How a session was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The session was ended alone, and verifiers get a fact about it.
    Alone { at_ms: i64 },
    /// All sessions of the user were ended.
    WithAll,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Session {
    begun_ms: i64,
    scope: Scope,
    end: Option<End>,
    /// The refresh tokens, each the successor of the previous one.
    refresh: Vec<RefreshToken>,
    access: Vec<AccessToken>,
}

/// One user and all the user's tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Model {
    rules: Rules,
    disabled: bool,
    sessions: Vec<Session>,
}

impl Session {
    fn is_live(&self, rules: Rules, now_ms: i64) -> bool {
        self.end.is_none() && now_ms - self.begun_ms < rules.session * 1000
    }

    fn issue_access_token(&mut self, rules: Rules, scope: Scope, now_ms: i64) -> Outcome {
        let last_s = (self.begun_ms + rules.session * 1000) / 1000;
        let expires_s = last_s.min(now_ms / 1000 + rules.access);
        self.access.push(AccessToken { expires_s, revoked: false });
        Outcome::Issued { scope, expires_in: expires_s - now_ms / 1000 }
    }
}

impl Model {
    pub(super) fn new(rules: Rules) -> Self {
        Self { rules, disabled: false, sessions: Vec::new() }
    }

    pub(super) fn apply(&mut self, act: Action, now_ms: i64) -> Outcome {
        match act {
            Action::LogIn(scope) => self.log_in(scope, now_ms),
            Action::Refresh { login, generation, scope } => self.refresh(login, generation, scope, now_ms),
            Action::RevokeRefreshToken { login, generation } => {
                let token = &self.sessions[login].refresh[generation];
                // The holder of a used token also had its successors.
                if token.used_ms.is_some() || now_ms - token.issued_ms < self.rules.refresh * 1000 {
                    self.end_alone(login, now_ms);
                }
                Outcome::Done
            }
            Action::RevokeAccessToken { login, access } => {
                self.sessions[login].access[access].revoked = true;
                Outcome::Done
            }
            Action::LogOut { login, access } | Action::LogOutAll { login, access } => {
                let may = self.is_good(login, access, now_ms);
                self.leave(act, may, now_ms)
            }
            Action::Disable => {
                self.disabled = true;
                self.end_all();
                Outcome::Done
            }
            Action::Enable => {
                self.disabled = false;
                Outcome::Done
            }
        }
    }

    /// A logout. `may` tells whether its access token was valid when it was checked.
    pub(super) fn leave(&mut self, act: Action, may: bool, now_ms: i64) -> Outcome {
        match act {
            _ if !may => return Outcome::Refused,
            Action::LogOut { login, .. } => self.end_alone(login, now_ms),
            Action::LogOutAll { .. } => self.end_all(),
            _ => {}
        }
        Outcome::Done
    }

    fn log_in(&mut self, scope: Scope, now_ms: i64) -> Outcome {
        if self.disabled {
            return Outcome::Refused;
        }
        let mut session = Session {
            begun_ms: now_ms,
            scope,
            end: None,
            refresh: vec![RefreshToken::issued(now_ms)],
            access: Vec::new(),
        };
        let given = session.issue_access_token(self.rules, scope, now_ms);
        self.sessions.push(session);
        given
    }

    fn refresh(&mut self, login: usize, generation: usize, scope: Option<Scope>, now_ms: i64) -> Outcome {
        // A scope that does not exist is refused before the token is read.
        if scope == Some(Scope::Unknown) {
            return Outcome::WrongScope;
        }
        let (rules, session) = (self.rules, &mut self.sessions[login]);
        // A request for too large a scope is refused in the same way for valid and invalid tokens.
        let asked = scope.unwrap_or(session.scope);
        let refused = if asked > session.scope { Outcome::WrongScope } else { Outcome::Refused };
        if self.disabled || !session.is_live(rules, now_ms) {
            return refused;
        }
        let is_used = |at: usize| session.refresh.get(at).is_some_and(|token| token.used_ms.is_some());
        let presented = &session.refresh[generation];
        match presented.used_ms {
            Some(used_ms) if is_used(generation + 1) || now_ms - used_ms >= rules.replay * 1000 => {
                session.end = Some(End::Alone { at_ms: now_ms });
                return refused;
            }
            None if now_ms - presented.issued_ms >= rules.refresh * 1000 => return refused,
            _ if asked > session.scope => return refused,
            Some(used_ms) if now_ms - used_ms >= 5_000 => {
                let child = &mut session.refresh[generation + 1];
                if child.late_replays == 3 {
                    return refused;
                }
                child.late_replays += 1;
            }
            Some(_) => {}
            None => {
                session.refresh[generation].used_ms = Some(now_ms);
                session.refresh.push(RefreshToken::issued(now_ms));
            }
        }
        session.issue_access_token(rules, asked, now_ms)
    }

    fn end_alone(&mut self, login: usize, now_ms: i64) {
        let session = &mut self.sessions[login];
        if session.is_live(self.rules, now_ms) {
            session.end = Some(End::Alone { at_ms: now_ms });
        }
    }

    fn end_all(&mut self) {
        for session in &mut self.sessions {
            session.end.get_or_insert(End::WithAll);
        }
    }

    /// Whether the issuer itself accepts the access token.
    pub(super) fn is_good(&self, login: usize, access: usize, now_ms: i64) -> bool {
        let session = &self.sessions[login];
        let token = &session.access[access];
        !self.disabled
            && session.is_live(self.rules, now_ms)
            && !token.revoked
            && now_ms / 1000 < token.expires_s + self.rules.leeway
    }

    pub(super) fn end_of(&self, login: usize) -> Option<End> {
        self.sessions[login].end
    }

    /// The number of refresh tokens of a session. There is one lineage, whatever requests were concurrent.
    pub(super) fn generations(&self, login: usize) -> usize {
        self.sessions[login].refresh.len()
    }
}
