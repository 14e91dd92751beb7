//! How a command finds the server it is about: by the file the server runs from, or by its socket.

use std::path::{Path, PathBuf};

use crate::admin::call::Call;
use crate::admin::message::Question;
use crate::exit::{Exit, Failure};
use crate::files::{self, Read};
use crate::ground::{Footing, Ground};

/// Where the configuration is unless told.
pub const DEFAULT_FILE: &str = "chancery.yaml";

#[derive(clap::Args)]
pub struct ConfigArgs {
    /// The configuration: a file, or a folder of them
    #[arg(long, value_name = "PATH", env = "CHANCERY_CONFIG", default_value = DEFAULT_FILE)]
    pub config: PathBuf,
    /// The server's admin socket, where it is not the one that the configuration names
    #[arg(long, value_name = "PATH", env = "CHANCERY_SOCKET")]
    pub socket: Option<PathBuf>,
}

/// Who does what was asked.
pub enum Doer {
    /// The running server.
    Server(Call),
    /// This process, which holds the store meanwhile.
    Here(Box<Ground>),
}

impl ConfigArgs {
    pub fn read(&self) -> Result<Read, Failure> {
        files::read(&self.config)
    }

    pub fn socket<'a>(&'a self, read: &'a Read) -> &'a Path {
        self.socket.as_deref().unwrap_or(&read.config.server.socket)
    }

    /// Asks the server; where none runs, opens its store instead. A socket that was named on the command line must answer.
    pub async fn ask(&self, read: &Read, question: &Question) -> Result<Doer, Failure> {
        match Call::ask(self.socket(read), question).await? {
            Some(call) => Ok(Doer::Server(call)),
            None => match &self.socket {
                Some(socket) => Err(nobody(socket)),
                None => Ok(Doer::Here(Box::new(Footing::of_server(&read.config.server).open().await?))),
            },
        }
    }
}

/// Nobody listens at a socket that was named.
pub fn nobody(socket: &Path) -> Failure {
    Failure::new(Exit::Server, format!("no server answers on {}", socket.display()))
        .because("the socket does not exist, or its server is gone")
        .remedy("start the server, or name the socket of one that runs with --socket")
}
