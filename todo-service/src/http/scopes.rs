//! The scopes that the endpoints require.

use shared_claims::required_scope;

required_scope!(pub(super) TodosRead, "todos:read");
required_scope!(pub(super) TodosWrite, "todos:write");
