//! The binary as its users meet it: processes, signals, exit codes, files and the socket.

mod ahead;
mod app;
mod clients;
mod cluster;
mod commands;
mod crash;
mod demo;
mod doctor;
mod import;
mod init;
mod killed_gateway;
mod killed_upstream;
mod login;
mod offering;
mod process;
mod providers;
mod refusals;
mod registration;
mod removed_provider;
mod revoke;
mod said;
mod served;
mod signals;
mod slow;
mod telemetry;
mod worker;
