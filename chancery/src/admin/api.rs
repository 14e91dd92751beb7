//! Administration behind the admin API: whoever asks has a token for one tenant, and touches nothing else.

use axum::http::StatusCode;
use chancery_console::api::message::{Answer, Events, Tail, Task};
use chancery_console::api::{Administer, By, Problem};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::list::LONGEST_PAGE;
use super::{Administration, Administrator};
use crate::exit::{Exit, Failure};

impl Administer for Administration {
    fn administer<'a>(&'a self, task: &'a Task, by: By<'a>) -> BoxFuture<'a, Result<Answer, Problem>> {
        let by = Administrator::of_tenant(by.subject, by.tenant);
        async move { self.answer(task, &by).await.map_err(|failure| problem(task, failure)) }.boxed()
    }

    fn events<'a>(&'a self, tail: &'a Tail) -> BoxFuture<'a, Result<Events, Problem>> {
        async move {
            let tail = Tail { limit: tail.limit.clamp(1, LONGEST_PAGE), ..tail.clone() };
            let entries = self.tail(&tail).await.map_err(|failure| refused(StatusCode::NOT_FOUND, failure))?;
            Ok(Events { events: entries.iter().filter_map(|entry| serde_json::to_value(entry).ok()).collect() })
        }
        .boxed()
    }
}

/// What was asked for and is not there is a 404; what contradicts how things stand is a 409.
fn problem(task: &Task, failure: Failure) -> Problem {
    let refused_as = match task {
        Task::List(_) => StatusCode::NOT_FOUND,
        Task::Plan(_) | Task::Apply(_) | Task::Revoke(_) | Task::Stand(_) | Task::Registration(_) => StatusCode::CONFLICT,
    };
    refused(refused_as, failure)
}

fn refused(refused_as: StatusCode, failure: Failure) -> Problem {
    let status = match failure.exit {
        Exit::File => StatusCode::BAD_REQUEST,
        Exit::Refused => refused_as,
        Exit::Storage => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Problem::new(status, failure.what).because(failure.why).remedy(failure.remedy)
}
