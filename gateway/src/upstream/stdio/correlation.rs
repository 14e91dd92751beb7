//! Whose a message of a child's is. A response goes to whoever asked with its id, progress to whoever gave its token, and all else
//! (requests of the server's, changes) to whoever listens, or else to the one that asked last.
//!
//! A response belongs to the turn that was asked in. Nothing in it says which one where an id comes again (MCP 2025-11-25, Requests: it
//! must not), so an id is refused while a request with it is under way, and after that was given up until its late answer has come.

use std::collections::{BTreeMap, VecDeque};

use tokio::sync::mpsc::Sender;

use super::Message;
use super::answer::Line;
use super::id::{Id, Value};
use crate::refusal::Refusal;

/// So many requests that were given up are known; most are never answered any more.
const GIVEN_UP: usize = 256;
/// Of an id, so that they are no burden to remember.
const LONGEST_ID: usize = 1024;

#[derive(Default)]
pub struct Correlation {
    /// By what the request's id says.
    waiting: BTreeMap<Value, Waiting>,
    /// Ids whose answers nobody waits for any more, oldest first.
    given_up: VecDeque<Value>,
    /// How many ever asked.
    asked: u64,
    listener: Option<Sender<Line>>,
}

struct Waiting {
    to: Sender<Line>,
    /// The id as it was written.
    written: String,
    progress: Option<Value>,
    turn: u64,
}

/// One request, and no other of the same id.
pub struct Turn {
    id: Value,
    number: u64,
}

/// What is wrong with an id whoever is asked.
pub fn may_be_asked(id: &Id) -> Result<(), Refusal> {
    if id.written.len() > LONGEST_ID {
        return Err(Refusal::invalid_request(format!("its `id` has more than {LONGEST_ID} bytes")));
    }
    Ok(())
}

impl Correlation {
    pub fn ask(&mut self, id: &Id, progress: Option<Value>, to: Sender<Line>) -> Result<Turn, Refusal> {
        may_be_asked(id)?;
        if self.waiting.contains_key(&id.value) || self.given_up.contains(&id.value) {
            return Err(Refusal::id_in_use());
        }
        self.asked += 1;
        let turn = Turn { id: id.value.clone(), number: self.asked };
        self.waiting.insert(id.value.clone(), Waiting { to, written: id.written.clone(), progress, turn: self.asked });
        Ok(turn)
    }

    /// Who asked in this turn has gone. If no answer has come yet, gives the id as it was written.
    pub fn leave(&mut self, turn: &Turn) -> Option<String> {
        self.waiting.get(&turn.id).filter(|waiting| waiting.turn == turn.number)?;
        if self.given_up.len() == GIVEN_UP {
            self.given_up.pop_front();
        }
        self.given_up.push_back(turn.id.clone());
        self.waiting.remove(&turn.id).map(|waiting| waiting.written)
    }

    /// There is one stream for what is said to nobody in particular.
    pub fn listen(&mut self, to: Sender<Line>) -> Result<(), Refusal> {
        if self.is_listened_to() {
            return Err(Refusal::one_stream());
        }
        self.listener = Some(to);
        Ok(())
    }

    pub fn listen_no_more(&mut self) {
        self.listener = None;
    }

    pub fn whose(&mut self, message: &Message) -> Option<Sender<Line>> {
        if message.method.is_none() {
            let id = &message.id.as_ref()?.value;
            self.given_up.retain(|given_up| given_up != id);
            return self.waiting.remove(id).map(|waiting| waiting.to); // an answer is given once
        }
        let by_token = message.progress.as_ref().and_then(|token| {
            self.waiting.values().find(|waiting| waiting.progress.as_ref() == Some(token)).map(|waiting| waiting.to.clone())
        });
        let newest = || self.waiting.values().max_by_key(|waiting| waiting.turn).map(|waiting| waiting.to.clone());
        by_token.or_else(|| self.listener.clone()).or_else(newest)
    }

    pub fn nobody_waits(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Neither is an answer waited for, nor does anybody listen.
    pub fn is_idle(&self) -> bool {
        self.nobody_waits() && !self.is_listened_to()
    }

    /// Nobody gets an answer any more; who waits is told so by the end of theirs.
    pub fn end(&mut self) {
        self.waiting.clear();
        self.listener = None;
    }

    fn is_listened_to(&self) -> bool {
        self.listener.as_ref().is_some_and(|listener| !listener.is_closed())
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{Receiver, channel};

    use super::*;

    fn message(text: &str) -> Message {
        Message::of(text).expect("a message")
    }

    fn id(written: &str) -> Id {
        message(&format!(r#"{{"id":{written}}}"#)).id.expect("an id")
    }

    fn asks(correlation: &mut Correlation, written: &str) -> Result<(Turn, Receiver<Line>), &'static str> {
        let (to, said) = channel(1);
        correlation.ask(&id(written), None, to).map(|turn| (turn, said)).map_err(|refusal| refusal.reason)
    }

    fn is_answered(correlation: &mut Correlation, written: &str) -> bool {
        correlation.whose(&message(&format!(r#"{{"id":{written},"result":{{}}}}"#))).is_some()
    }

    #[test]
    fn an_id_is_one_requests_until_its_answer_has_come() {
        let mut all = Correlation::default();
        let (first, _said) = asks(&mut all, "1").expect("a turn");
        assert_eq!(asks(&mut all, "1.0").err(), Some("id_in_use"), "however it is written");
        asks(&mut all, "\"1\"").expect("another id");

        assert_eq!(all.leave(&first).as_deref(), Some("1"));
        assert_eq!(asks(&mut all, "1").err(), Some("id_in_use"), "its answer may still come");
        assert!(!is_answered(&mut all, "1"), "a late answer is nobody's");
        asks(&mut all, "1").expect("the late answer has come");
        assert!(is_answered(&mut all, "1") && !is_answered(&mut all, "1"), "once");
    }

    #[test]
    fn who_leaves_leaves_no_turn_but_their_own() {
        let mut all = Correlation::default();
        let (first, _answer_unread) = asks(&mut all, "1").expect("a turn");
        assert!(is_answered(&mut all, "1"));
        let (second, _said) = asks(&mut all, "1").expect("the id is free");

        assert_eq!(all.leave(&first), None, "it was answered");
        assert!(!all.nobody_waits(), "the other turn has ended with it");
        assert_eq!(all.leave(&second).as_deref(), Some("1"));
        assert_eq!(all.leave(&second), None);
    }

    #[test]
    fn what_is_remembered_of_requests_that_were_given_up_has_a_measure() {
        let mut all = Correlation::default();
        for number in 0..=GIVEN_UP {
            let (turn, _said) = asks(&mut all, &number.to_string()).expect("a turn");
            all.leave(&turn).expect("unanswered");
        }
        assert_eq!(all.given_up.len(), GIVEN_UP);
        assert!(asks(&mut all, "1").is_err() && asks(&mut all, "0").is_ok(), "the oldest is forgotten");
        assert_eq!(asks(&mut all, &"9".repeat(LONGEST_ID + 1)).err(), Some("invalid_request"));
    }
}
