//! `chancery schema`: the JSON Schema of `chancery.yaml`, for editors.

use crate::exit::{Exit, Failure};
use crate::print;

pub fn run() -> Result<Exit, Failure> {
    let schema = serde_json::to_string_pretty(&chancery_registry::config::schema());
    let text = schema.map_err(|error| Failure::new(Exit::Failed, "the schema could not be written").because(error))?;
    print::line(&text).map(|()| Exit::Done)
}
