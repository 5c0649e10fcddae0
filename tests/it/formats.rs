//! The formats beside the default one, and the programs that are given the lines.

mod ecs;
mod noise;
mod pretty;
mod raw;
mod schema;
mod shippers;
mod spark;
mod stores;
mod terminal;
pub(crate) mod tools;
