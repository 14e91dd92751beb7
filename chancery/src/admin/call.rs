//! The CLI's side: ask the running server over its socket, or, where no server runs, do it here with the store taken for the while.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;

use super::message::{Answer, Question};
use crate::exit::{Exit, Failure};

/// A question that was asked, and whose answers are still coming.
pub struct Call {
    answers: Lines<BufReader<OwnedReadHalf>>,
    // The server stops a following tail when this half is closed.
    _asking: tokio::net::unix::OwnedWriteHalf,
}

impl Call {
    /// Asks the server behind `socket`. `None`: nobody listens there.
    ///
    /// # Errors
    /// [`Exit::Server`], where somebody listens but cannot be asked.
    pub async fn ask(socket: &Path, question: &Question) -> Result<Option<Self>, Failure> {
        use std::io::ErrorKind::{ConnectionRefused, NotFound};
        let stream = match UnixStream::connect(socket).await {
            Ok(stream) => stream,
            Err(error) if matches!(error.kind(), NotFound | ConnectionRefused) => return Ok(None),
            Err(error) => return Err(lost(socket, &error)),
        };
        trustworthy(socket, &stream).map_err(|error| lost(socket, &error))?;
        let (reading, mut asking) = stream.into_split();
        let mut line = serde_json::to_vec(question).map_err(|error| lost(socket, &error))?;
        line.push(b'\n');
        asking.write_all(&line).await.map_err(|error| lost(socket, &error))?;
        Ok(Some(Self { answers: BufReader::new(reading).lines(), _asking: asking }))
    }

    /// The next answer; nothing when the server has said all. A refusal is an error, with the exit code that the server gave it.
    pub async fn next(&mut self) -> Result<Option<Answer>, Failure> {
        let broken = |error: &dyn std::fmt::Display| {
            Failure::new(Exit::Server, "the server's answer broke off").because(error).remedy("see the server's log, and ask again")
        };
        let Some(line) = self.answers.next_line().await.map_err(|error| broken(&error))? else { return Ok(None) };
        match serde_json::from_str(&line).map_err(|error| broken(&error))? {
            Answer::Refused { failure } => Err(failure),
            answer => Ok(Some(answer)),
        }
    }

    /// The answer to a question that has one.
    pub async fn only(&mut self) -> Result<Answer, Failure> {
        let silent = || Failure::new(Exit::Server, "the server hung up without an answer").remedy("see the server's log, and ask again");
        self.next().await?.ok_or_else(silent)
    }
}

/// Questions carry secrets, and whoever finds a socket's name free can listen there: they go to our own user, to root, or to the user
/// whose folder the socket lies in, where nobody else can put one.
fn trustworthy(socket: &Path, stream: &UnixStream) -> std::io::Result<()> {
    let listener = stream.peer_cred()?.uid();
    let own = UnixStream::pair()?.0.peer_cred()?.uid();
    let folder = std::fs::metadata(socket.parent().unwrap_or(Path::new(".")))?;
    let private = folder.mode() & 0o022 == 0;
    if listener == own || listener == 0 || (private && listener == folder.uid()) {
        return Ok(());
    }
    Err(std::io::Error::other(format!("user {listener} listens there, who is neither you nor root")))
}

fn lost(socket: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Server, format!("the server cannot be asked over {}", socket.display()))
        .because(error)
        .remedy("run this as the user who runs the server (or as root); --socket names another socket")
}
