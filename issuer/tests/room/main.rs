//! The authorization server by itself, over a store on disk: what is around it is played here. What clients and browsers see of it on
//! both databases is in `tests/it`.

mod browser;
mod flow;
mod site;
mod upstream;
