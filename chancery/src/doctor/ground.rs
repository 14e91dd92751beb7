//! The store and the keys: asked of the server that holds them, or opened where none runs.

use std::path::Path;

use chancery_registry::Config;

use super::file::Known;
use super::{Finding, Report};
use crate::admin::Administrator;
use crate::admin::call::Call;
use crate::admin::message::{Answer, Question, Task};
use crate::exit::Failure;
use crate::ground::Footing;

pub async fn look(known: &Known, socket: &Path, report: &mut Report) {
    let Known::Whole(read) = known else {
        report.tell(Finding::doubtful("the store", "not looked at, since secrets are missing"));
        return;
    };
    let task = Task::Plan(read.files.clone());
    match Call::ask(socket, &Question::Do(task)).await {
        Ok(Some(mut call)) => {
            let words = format!("held by the server that runs (admin socket {})", socket.display());
            report.tell(Finding::good("the store", words));
            planned(call.only().await, report);
            well(socket, report).await;
        }
        Ok(None) => opened(&read.config, Task::Plan(read.files.clone()), report).await,
        Err(failure) => report.tell(told("the admin socket", failure)),
    }
}

/// How the server that runs is, and the servers behind it as it met them.
async fn well(socket: &Path, report: &mut Report) {
    let answer = match Call::ask(socket, &Question::Health).await {
        Ok(Some(mut call)) => call.only().await,
        Ok(None) => return, // it has stopped meanwhile
        Err(failure) => Err(failure),
    };
    let health = match answer {
        Ok(Answer::Health(health)) => health,
        Ok(_) => return,
        Err(failure) => return report.tell(told("the server that runs", failure)),
    };
    let of = "the server that runs";
    report.tell(if health.ready {
        Finding::good(of, format!("ready; it knows what was ended up to {:.1} s ago", health.feed.lag_seconds))
    } else {
        Finding::wrong(of, health.why)
            .should("be ready")
            .fix("see to the database and the way there; the server goes on by itself when it answers")
    });
    for finding in health.upstreams.iter().filter_map(super::upstream::left_alone) {
        report.tell(finding);
    }
}

async fn opened(config: &Config, task: Task, report: &mut Report) {
    let server = &config.server;
    if server.store.path().is_some_and(|path| !path.exists()) {
        let words = format!("{} is not there yet; `chancery serve` makes it, and the key file {}", server.store, server.key_file.display());
        report.tell(Finding::doubtful("the store", words));
        return;
    }
    match Footing::of_server(server).open().await {
        Ok(ground) => {
            report.tell(Finding::good("the store", format!("{} opens, and no server runs on it", server.store)));
            report.tell(Finding::good("the keys", format!("{} opens all that is sealed", server.key_file.display())));
            planned(ground.closing(ground.administration().answer(&task, &Administrator::offline())).await, report);
        }
        Err(failure) => report.tell(told("the store and its keys", failure)),
    }
}

/// Whether what is in force is what the file says.
fn planned(answer: Result<Answer, Failure>, report: &mut Report) {
    let of = "what is in force";
    match answer {
        Ok(Answer::Planned(plan)) if plan.changes.is_empty() => {
            report.tell(Finding::good(of, format!("version {}, as the file says", plan.version)));
        }
        Ok(Answer::Planned(plan)) => {
            let fix = "`chancery apply`, or restart a server that applies its file";
            report.tell(Finding::doubtful(of, plan.text.trim_end()).should("be as the file says").fix(fix));
        }
        Ok(_) => {}
        Err(failure) => report.tell(told(of, failure)),
    }
}

fn told(of: &str, failure: Failure) -> Finding {
    let saw = if failure.why.is_empty() { failure.what } else { format!("{}: {}", failure.what, failure.why) };
    Finding::wrong(of, saw).should("be usable by this user").fix(failure.remedy)
}
