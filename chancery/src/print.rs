//! Standard output. A reader that goes away (`| head`) is no failure of ours, but there is nobody left to speak to.

use std::fmt::Display;
use std::io::{self, Write as _};

use serde::Serialize;

use crate::exit::{Exit, Failure};

/// One line.
///
/// # Errors
/// When standard output is closed.
pub fn line(text: &dyn Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(closed)
}

/// One line each, set in.
///
/// # Errors
/// As [`line`].
pub fn lines(texts: &[String]) -> Result<(), Failure> {
    texts.iter().try_for_each(|text| line(&format_args!("  {text}")))
}

/// One object on one line: all that a command with `--json` says.
///
/// # Errors
/// As [`line`].
pub fn json(value: &impl Serialize) -> Result<Exit, Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::new(Exit::Failed, "an answer could not be written").because(error))?;
    line(&text).map(|()| Exit::Done)
}

fn closed(error: io::Error) -> Failure {
    Failure::new(Exit::Failed, "standard output is closed").because(error)
}
