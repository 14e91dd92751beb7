//! The registry on a real store.

mod apply;
mod documents;
mod refusals;
mod snapshot;
mod world;
