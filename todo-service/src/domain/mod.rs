//! Todos and the rules for their values. Knows neither HTTP nor the database.

mod allowance;
mod id;
mod page;
mod todo;

pub use allowance::{Allowance, LimitReached, Usage};
pub use id::TodoIds;
pub use page::{Cursor, InvalidCursor, InvalidLimit, Limit, PageRequest};
pub use todo::{Description, InvalidDescription, InvalidTitle, NewTodo, Title, Todo, TodoChange};
