//! The formats beside the default one, and what is made for whoever reads the lines.

mod ecs;
mod pretty;
mod raw;
mod schema;
mod terminal;
