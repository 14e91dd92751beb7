//! The binary as its users meet it: processes, signals, exit codes, files and the socket.

mod cluster;
mod commands;
mod demo;
mod process;
mod refusals;
mod signals;
