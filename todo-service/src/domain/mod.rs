//! Todos and the rules for their values. Knows neither HTTP nor the database.

mod cursor;
mod description;
mod id;
mod page;
mod title;
mod todo;
mod usage;

pub use cursor::{Cursor, InvalidCursor};
pub use description::{Description, InvalidDescription};
pub use id::TodoIds;
pub use page::{InvalidLimit, Limit, PageRequest};
pub use title::{InvalidTitle, Title};
pub use todo::{NewTodo, Todo, TodoChange};
pub use usage::{Allowance, LimitReached, Usage};
