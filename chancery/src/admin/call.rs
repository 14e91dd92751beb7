//! The CLI's side: ask the running server over its socket, or, where no server runs, do it here with the store taken for the while.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;

use super::message::{Answer, Line, Question};
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
            Line::Refused { refused } => Err(refused),
            Line::Said(answer) => Ok(Some(answer)),
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
    if listener == own || listener == 0 || is_private_to(listener, socket)? {
        return Ok(());
    }
    Err(std::io::Error::other(format!("user {listener} listens there, who is neither you nor root")))
}

/// Whether the socket's folder is this user's, and nobody else can put anything there.
fn is_private_to(user: u32, socket: &Path) -> std::io::Result<bool> {
    let folder = socket.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = std::fs::metadata(folder)?;
    Ok(folder.uid() == user && folder.mode() & 0o022 == 0)
}

fn lost(socket: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Server, format!("the server cannot be asked over {}", socket.display()))
        .because(error)
        .remedy("run this as the user who runs the server (or as root); --socket names another socket")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_folder_where_others_may_put_things_is_nobodys_own() {
        let folder = std::env::temp_dir().join(format!("chancery-call-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let (own, socket) = (std::fs::metadata(&folder).expect("it is there").uid(), folder.join("s"));
        let private = |mode| {
            std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).expect("it is ours");
            is_private_to(own, &socket).expect("it is there")
        };
        assert!(private(0o700) && private(0o755));
        assert!(!private(0o1777) && !private(0o770));
        assert!(!is_private_to(own + 1, &socket).expect("it is there"));
        std::fs::remove_dir_all(&folder).expect("it is ours");
    }
}
