//! What a token must permit.

use shared_claims::required_scope;

required_scope!(pub(super) TodosRead, "todos:read");
required_scope!(pub(super) TodosWrite, "todos:write");
