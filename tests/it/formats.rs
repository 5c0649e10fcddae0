//! The other output formats, and programs that consume them.

mod ecs;
mod noise;
mod ocsf;
mod pretty;
mod raw;
pub(crate) mod schema;
mod shippers;
mod spark;
mod stores;
mod terminal;
pub(crate) mod tools;
