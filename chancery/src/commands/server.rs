//! How a command finds the server it is about: by the file the server runs from, by its socket, or by its address and a login there.

use std::path::{Path, PathBuf};

use crate::admin::Administrator;
use crate::admin::call::Call;
use crate::admin::message::{Answer, Files, Question, Task};
use crate::exit::{Exit, Failure};
use crate::files::{self, Read};
use crate::ground::Footing;
use crate::remote::Remote;

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

/// The same, for commands that may go to a server far away.
#[derive(clap::Args)]
pub struct WayArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The server's public address, to administer it over HTTP with what `chancery login` got
    #[arg(long, value_name = "URL", env = "CHANCERY_SERVER", conflicts_with = "socket")]
    pub server: Option<String>,
}

/// What the commands take that ask a server about a configuration.
#[derive(clap::Args)]
pub struct TaskArgs {
    #[command(flatten)]
    pub way: WayArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The way to a tenant's server.
pub struct Way {
    pub tenant: String,
    pub to: To,
}

pub enum To {
    Socket(PathBuf),
    Server(Box<Remote>),
}

impl TaskArgs {
    /// What the server says to the configuration's files.
    pub async fn answer(&self, task: impl FnOnce(Files) -> Task) -> Result<Answer, Failure> {
        let read = self.way.config.read()?;
        let way = self.way.of(&read)?;
        self.way.answer(way, task(read.files)).await
    }
}

impl ConfigArgs {
    pub fn read(&self) -> Result<Read, Failure> {
        files::read(&self.config)
    }

    pub fn socket<'a>(&'a self, read: &'a Read) -> &'a Path {
        self.socket.as_deref().unwrap_or(&read.config.server.socket)
    }

    /// Which socket, and whose tenant: the configuration's unless told. No configuration is read where nothing of it is wanted, and no
    /// secret is looked up.
    pub fn place(&self, tenant: Option<&str>) -> Result<(PathBuf, String), Failure> {
        if let (Some(socket), Some(tenant)) = (&self.socket, tenant) {
            return Ok((socket.clone(), tenant.to_owned()));
        }
        let config = files::read_without_secrets(&self.config).map_err(|failure| match tenant {
            None if self.socket.is_some() => failure.remedy("say whose it is with --tenant; with --socket no configuration is needed then"),
            _ => failure,
        })?;
        let socket = self.socket.clone().unwrap_or(config.server.socket);
        Ok((socket, tenant.map_or_else(|| config.tenant.to_string(), str::to_owned)))
    }

    /// The answer of the server; where none runs, this process does it, and holds the store meanwhile. A socket that was named on the
    /// command line must answer.
    pub async fn answer(&self, socket: &Path, task: Task) -> Result<Answer, Failure> {
        let question = Question::Do(task);
        if let Some(mut call) = Call::ask(socket, &question).await? {
            return call.only().await;
        }
        match question {
            Question::Do(task) if self.socket.is_none() => {
                let ground = Footing::of_server(&self.read()?.config.server).open().await?;
                ground.closing(ground.administration().answer(&task, &Administrator::offline())).await
            }
            _ => Err(nobody(socket)),
        }
    }
}

impl WayArgs {
    /// The way by a configuration that was read.
    pub fn of(&self, read: &Read) -> Result<Way, Failure> {
        let tenant = read.config.tenant.to_string();
        let to = match &self.server {
            Some(server) => To::Server(Box::new(Remote::open(server, Some(&tenant))?)),
            None => To::Socket(self.config.socket(read).to_owned()),
        };
        Ok(Way { tenant, to })
    }

    /// Which server, and whose tenant: at a server's address, the one that the login is for; else as [`ConfigArgs::place`] says.
    pub fn find(&self, tenant: Option<&str>) -> Result<Way, Failure> {
        if let Some(server) = &self.server {
            let remote = Remote::open(server, tenant)?;
            return Ok(Way { tenant: remote.tenant().to_owned(), to: To::Server(Box::new(remote)) });
        }
        let (socket, tenant) = self.config.place(tenant)?;
        Ok(Way { tenant, to: To::Socket(socket) })
    }

    /// The answer of the server there.
    pub async fn answer(&self, way: Way, task: Task) -> Result<Answer, Failure> {
        match way.to {
            To::Server(mut remote) => remote.answer(&task).await,
            To::Socket(socket) => self.config.answer(&socket, task).await,
        }
    }
}

/// Nobody listens at a socket that was named.
pub fn nobody(socket: &Path) -> Failure {
    Failure::new(Exit::Server, format!("no server answers on {}", socket.display()))
        .because("the socket does not exist, or its server is gone")
        .remedy("start the server, or name the socket of one that runs with --socket")
}
