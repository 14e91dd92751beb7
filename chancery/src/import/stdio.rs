//! A server that is a program, run for as long as the conversation lasts, as the gateway would run it: no shell, and an environment that
//! holds what is named and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use chancery_core::Secret;
use chancery_outbound::{Child, Order};
use serde_json::Value;

use super::talk::answers;
use super::trouble::Trouble;

/// What it said on standard error is told meanwhile.
const LAST_WORDS: Duration = Duration::from_millis(100);

pub struct Stdio {
    command: String,
    args: Vec<String>,
    settings: BTreeMap<String, String>,
    secrets: BTreeMap<String, Secret<String>>,
    child: Option<Child>,
}

impl Stdio {
    /// Nothing runs yet.
    pub fn of(command: &[String], settings: BTreeMap<String, String>, secrets: BTreeMap<String, Secret<String>>) -> Self {
        let (command, args) = command.split_first().map_or((String::new(), Vec::new()), |(first, rest)| (first.clone(), rest.to_vec()));
        Self { command, args, settings, secrets, child: None }
    }

    pub(super) async fn exchange(&mut self, message: &Value) -> Result<Option<Value>, Trouble> {
        if self.child.is_none() {
            self.child = Some(self.started()?);
        }
        let said = match &mut self.child {
            Some(child) => exchanged(child, message).await,
            None => return Ok(None),
        };
        if said.is_err() {
            self.leave().await; // the next message finds another
            tokio::time::sleep(LAST_WORDS).await;
        }
        said.map_err(|error| Trouble::Broken(error.to_string()))
    }

    /// Ends it.
    pub(super) async fn leave(&mut self) {
        if let Some(Child { process, input, .. }) = self.child.take() {
            drop(input);
            process.end().await;
        }
    }

    fn started(&self) -> Result<Child, Trouble> {
        let order = Order {
            command: &self.command,
            args: &self.args,
            folder: None,
            settings: self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            secrets: self.secrets.iter().map(|(name, value)| (name.as_str(), value)).collect(),
            name: self.command.clone(),
        };
        Child::start(&order).map_err(|error| Trouble::Unreached(format!("it cannot be started: {error}")))
    }
}

/// What else it says, on other lines, is not for us.
async fn exchanged(child: &mut Child, message: &Value) -> std::io::Result<Option<Value>> {
    let ended = || std::io::Error::other("it ended; what it said on standard error stands above");
    child.input.say(message.to_string().as_bytes()).await.map_err(|_| ended())?;
    let Some(id) = message.get("id") else { return Ok(None) };
    while let Some(line) = child.output.line().await? {
        if let Some(answer) = serde_json::from_slice::<Value>(&line).ok().filter(|message| answers(message, id)) {
            return Ok(Some(answer));
        }
    }
    Err(ended())
}
