//! The authorization server by itself, over a store on disk: what is around it is played here.

mod browser;
mod consent;
mod flow;
mod races;
mod refusals;
mod site;
mod upstream;
