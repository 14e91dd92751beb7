//! The app of a sign-in check: two routes beside the server's own. One sends a browser off to sign in, as any app would; the other takes
//! it back, and hands on what it brought.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::Query;
use axum::response::{Html, Redirect};
use axum::routing::get;
use tokio::sync::oneshot;

pub const BEGIN: &str = "/sign-in-check";
pub const BACK: &str = "/sign-in-check/back";

/// What the browser brought: the parameters of the answer.
pub type Brought = HashMap<String, String>;

/// The routes, and what will be brought. Only the first to come back counts.
pub fn routes(authorize: String) -> (Router, oneshot::Receiver<Brought>) {
    let (sender, brought) = oneshot::channel();
    let sender = Arc::new(Mutex::new(Some(sender)));
    let back = async move |Query(answer): Query<Brought>| {
        let first = sender.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(first) = first {
            let _ = first.send(answer);
        }
        Html("<!doctype html><title>Chancery</title><p>You may close this page: the rest is in the terminal.</p>")
    };
    let router = Router::new().route(BEGIN, get(async move || Redirect::to(&authorize))).route(BACK, get(back));
    (router, brought)
}
