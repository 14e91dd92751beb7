//! The server under attack, over sockets that say whatever they like: the real listener, the real gateway, and behind it a server that
//! keeps every byte it is sent.

mod duplicates;
mod flood;
mod frames;
mod garbage;
mod hosts;
mod http_2;
mod memory;
mod oversize;
mod recorder;
mod smuggling;
mod stage;
mod types;
mod wire;
