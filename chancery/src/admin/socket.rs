//! The server's side of the admin socket: a Unix socket of mode 0600, so whoever may open it is whoever runs the server.
//!
//! One connection, one question: read a line, answer in lines, close. It works when nothing else does: no token, no network, no IdP.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use super::message::{Answer, Line, Question, Tail};
use super::tail::Following;
use super::{Administration, Administrator};
use crate::exit::{Exit, Failure};
use crate::readiness::Readiness;

/// The longest question: configuration files and secrets, in JSON.
const LONGEST_QUESTION: u64 = 16 * 1024 * 1024;
/// How long the CLI may take to say its question.
const QUESTION_TIME: Duration = Duration::from_secs(10);
/// How often a following tail looks for new events.
const TAIL_PAUSE: Duration = Duration::from_millis(250);

/// The socket in its place; it is removed when the server stops.
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Puts a socket at `path`. It is made in a folder that only this user can enter and moved into place once its mode is right, so no
    /// moment exists in which somebody else could open it. A socket that nobody answers on any more is replaced.
    ///
    /// # Errors
    /// [`Exit::Storage`], where another server answers there, or the folder cannot be written to.
    pub async fn bind(path: &Path) -> Result<Self, Failure> {
        if UnixStream::connect(path).await.is_ok() {
            return Err(cannot(path)
                .because("another server already answers there")
                .remedy("stop that server, or give this one a `server.socket` of its own"));
        }
        let listener = bind_privately(path).map_err(|error| {
            cannot(path).because(&error).remedy("make its folder one that this user can write to, and keep the path under 90 letters")
        })?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Answers until the drain begins.
    pub async fn serve(self, administration: Administration, readiness: Readiness, drain: CancellationToken) {
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = drain.cancelled() => return,
            };
            match accepted {
                Ok((stream, _)) => {
                    tokio::spawn(converse(stream, (administration.clone(), readiness.clone()), drain.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the admin socket could not accept a connection");
                    tokio::time::sleep(TAIL_PAUSE).await;
                }
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path); // a stale one is replaced anyway
    }
}

fn cannot(path: &Path) -> Failure {
    Failure::new(Exit::Storage, format!("the admin socket {} cannot be made", path.display()))
}

fn bind_privately(path: &Path) -> io::Result<UnixListener> {
    let folder = path.with_extension("new");
    // Left by a server that was killed at this very moment. Nothing but what it leaves is removed: the name is not ours alone.
    let _ = std::fs::remove_file(folder.join("s"));
    let _ = std::fs::remove_dir(&folder);
    if let Some(parent) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
    let inside = folder.join("s");
    let listener = UnixListener::bind(&inside)?;
    std::fs::set_permissions(&inside, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&inside, path)?;
    std::fs::remove_dir(&folder)?;
    Ok(listener)
}

async fn converse(stream: UnixStream, (administration, readiness): (Administration, Readiness), drain: CancellationToken) {
    let by = Administrator::of_socket(stream.peer_cred().ok().map(|peer| peer.uid()));
    let (reading, writing) = stream.into_split();
    let mut line = Vec::new();
    let mut reader = BufReader::new(reading.take(LONGEST_QUESTION));
    let question = match tokio::time::timeout(QUESTION_TIME, reader.read_until(b'\n', &mut line)).await {
        Ok(Ok(_)) => serde_json::from_slice::<Question>(&line),
        _ => return,
    };
    let mut speaker = Speaker(writing);
    let said = match question {
        Ok(Question::Do(task)) => speaker.say(administration.answer(&task, &by).await).await,
        Ok(Question::Health) => speaker.say(Ok(Answer::Health(readiness.health()))).await,
        Ok(Question::Tail(asked)) => tokio::select! {
            said = tail(&mut speaker, &administration, asked) => said,
            () = gone(&mut reader) => Ok(()),
            () = drain.cancelled() => Ok(()),
        },
        Err(error) => speaker.say(Err(not_understood(&error))).await,
    };
    if let Err(error) = said {
        tracing::debug!(%error, "the administrator went away");
    }
}

fn not_understood(error: &serde_json::Error) -> Failure {
    Failure::new(Exit::Refused, "the server did not understand the question")
        .because(error)
        .remedy("use a `chancery` of the server's own version")
}

/// Says the events that were asked for, then, where asked to, each new one.
async fn tail(speaker: &mut Speaker, administration: &Administration, asked: Tail) -> io::Result<()> {
    let follow = asked.follow;
    let mut following = Following::new(asked);
    loop {
        match following.look(administration).await {
            Ok(entries) => {
                for entry in entries {
                    speaker.say(Ok(Answer::event(&entry))).await?;
                }
            }
            Err(failure) => return speaker.say(Err(failure)).await,
        }
        if !follow {
            return Ok(());
        }
        tokio::time::sleep(TAIL_PAUSE).await;
    }
}

/// Until the other side hangs up; whatever else it says is one question too many, and ends the conversation too.
async fn gone(reader: &mut (impl tokio::io::AsyncRead + Unpin)) {
    let _ = reader.read(&mut [0]).await;
}

struct Speaker(OwnedWriteHalf);

impl Speaker {
    async fn say(&mut self, answer: Result<Answer, Failure>) -> io::Result<()> {
        let line = answer.map_or_else(|refused| Line::Refused { refused }, Line::Said);
        let mut line = serde_json::to_vec(&line).map_err(io::Error::other)?;
        line.push(b'\n');
        self.0.write_all(&line).await
    }
}
