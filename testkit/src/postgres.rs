//! A throwaway PostgreSQL for tests: one server a process, a fresh database a test.
//!
//! 1. `CHANCERY_TEST_POSTGRES` names a running server (`postgres://USER@HOST:PORT`) that many processes share; without it one is made in
//!    a temporary folder, on loopback, as a user that is not root.
//! 2. The server hangs on a pipe that only this process holds: however the process ends, `kill -9` included, the server stops and its
//!    folder goes.
//! 3. Where no server can be had, `CI=true` makes that a failure; otherwise it is said loudly and the test is skipped.
//!
//! Nothing but the standard library is used here, so that the tests of a room far below this one can take the file as it is.

use std::fmt::Display;
use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// Signed for 127.0.0.1 and localhost, by [`ROOT`]. The key is in the repository: it protects nothing.
const CERTIFICATE: &str = include_str!("postgres/server.pem");
const KEY: &str = include_str!("postgres/server.key");

/// The certificate authority of every throwaway server, as PEM.
pub const ROOT: &str = include_str!("postgres/root.pem");

/// A second user, whom the server asks for this password; the first, `chancery`, it lets in as he comes.
pub const GUARDED: (&str, &str) = ("guarded", "open-sesame");

/// Runs the server until standard input ends, then stops it without ceremony and removes what it wrote; on a line that says so it kills
/// the server and all its children, or starts it again. `$1` is the program, `$2` the folder.
const SUPERVISOR: &str = r#"trap '' INT TERM HUP
run() { "$1" -D "$2/data" >>"$2/log" 2>&1 </dev/null & }
run "$@"
while read -r word; do
    case $word in
    kill)
        kill -STOP $!
        all=$!
        for stat in /proc/[0-9]*/stat; do
            read -r pid name state parent rest <"$stat" && [ "$parent" = $! ] && all="$all $pid"
        done 2>/dev/null
        kill -KILL $all
        wait
        for pid in $all; do while grep -qs '^State:.[^ZX]' /proc/$pid/status; do :; done; done
        ;;
    start) run "$@" ;;
    esac
    echo "$word"
done
kill -QUIT $!
wait
rm -rf "$2""#;

/// A database of its own, for one test.
pub struct Database {
    base: String,
    name: String,
    shared: bool,
}

impl Database {
    /// A fresh database, or none where there is no PostgreSQL and that is allowed.
    ///
    /// # Panics
    /// Under `CI=true`, where a missing server is a failure.
    pub fn fresh() -> Option<Self> {
        match std::env::var("CHANCERY_TEST_POSTGRES") {
            Ok(base) => Some(Self::on(base.trim_end_matches('/'), true)),
            Err(_) => Self::fresh_on_own_server(),
        }
    }

    /// The same on a server of this process, which has [`GUARDED`] and a certificate of [`ROOT`].
    pub fn fresh_on_own_server() -> Option<Self> {
        static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();

        usable(SERVER.get_or_init(Server::start).as_ref()).map(|server| Self::on(&server.base(), false))
    }

    /// The same on a server of this test alone, which it may kill.
    pub fn on_mortal_server() -> Option<(Self, Mortal)> {
        usable(Server::start()).map(|server| (Self::on(&server.base(), false), Mortal(server)))
    }

    fn on(base: &str, shared: bool) -> Self {
        let database = Self { base: base.to_owned(), name: format!("test_{:016x}", random()), shared };
        let made = psql(&format!("{base}/postgres"), &format!("CREATE DATABASE {}", database.name));
        made.expect("the test server makes databases");
        database
    }

    /// `postgres://…`, of a user who owns the database.
    pub fn url(&self) -> String {
        format!("{}/{}", self.base, self.name)
    }

    /// The same as another user, with a password or what is tried as one.
    pub fn url_as(&self, user: &str, password: &str) -> String {
        let (_, server) = self.base.split_once('@').expect("the base URL names a user");
        format!("postgres://{user}:{password}@{server}/{}", self.name)
    }

    /// Runs SQL from outside; gives what it printed.
    pub fn sql(&self, sql: &str) -> String {
        psql(&self.url(), sql).expect("the SQL of a test runs")
    }

    /// Takes a table away from everybody who reads or writes it, until what is given back is dropped.
    pub fn lock(&self, table: &str) -> Locked {
        self.hold(&format!("LOCK TABLE {table}"))
    }

    /// Runs SQL in a transaction that stays open until what is given back is dropped; then nothing of it was, unless it was committed.
    pub fn hold(&self, sql: &str) -> Locked {
        let mut holder = psql_of(&self.url()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("psql can be run");
        let (Some(orders), Some(answers)) = (&mut holder.stdin, &mut holder.stdout) else { panic!("both are pipes") };
        writeln!(orders, "BEGIN; {sql}; SELECT 'held';").expect("psql reads");
        let held = BufReader::new(answers).lines().any(|line| line.is_ok_and(|line| line == "held"));
        assert!(held, "the SQL of a test runs: {sql}");
        Locked(holder)
    }

    /// Who waits for a lock on this table, and since when: one line each, in an order that stays.
    pub fn waiting_for(&self, table: &str) -> Vec<String> {
        let waiting = self.sql(&format!(
            "SELECT pid, query_start FROM pg_stat_activity WHERE pid IN \
             (SELECT pid FROM pg_locks WHERE relation = '{table}'::regclass AND NOT granted) ORDER BY pid"
        ));
        waiting.lines().map(str::to_owned).collect()
    }
}

/// What is held, by a transaction that ends with this.
pub struct Locked(Child);

impl Locked {
    /// Ends it so that what it did stands.
    pub fn commit(mut self) {
        let orders = self.0.stdin.as_mut().expect("it is a pipe");
        writeln!(orders, "COMMIT;").expect("psql reads");
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl Drop for Database {
    /// What is on a server of our own goes with it.
    fn drop(&mut self) {
        if self.shared {
            let _ = psql(&format!("{}/postgres", self.base), &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        }
    }
}

/// Where there is no server, that is a failure under `CI=true`, and is said loudly elsewhere.
fn usable<S, E: Display>(server: Result<S, E>) -> Option<S> {
    match server {
        Ok(server) => Some(server),
        Err(why) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("no PostgreSQL for the tests: {why}"),
        Err(why) => {
            eprintln!("\n*** SKIPPED, NOT PASSED: no PostgreSQL for this test: {why}\n");
            None
        }
    }
}

/// A server that dies when a test says so. What it has acknowledged by then lies in the machine's memory, and is there afterwards.
pub struct Mortal(Server);

impl Mortal {
    /// By SIGKILL, all of its processes; returns when none is left.
    pub fn kill(&mut self) {
        self.0.tell("kill");
    }

    /// Starts it again, at the same address, and returns when it answers.
    pub fn start_again(&mut self) {
        self.0.tell("start");
        self.0.await_readiness().expect("it comes up again");
    }
}

/// A running server. Lives as long as the pipe to its supervisor.
struct Server {
    port: u16,
    folder: PathBuf,
    supervisor: Child,
}

impl Server {
    fn start() -> Result<Self, String> {
        let programs = programs()?;
        let user = User::unprivileged()?;
        let folder = std::env::temp_dir().join(format!("chancery-postgres-{}-{:08x}", std::process::id(), random() as u32));
        fs::create_dir(&folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
        user.own(&folder)?;

        let mut initdb = Command::new(programs.join("initdb"));
        initdb.args(["--no-sync", "--auth=trust", "--username=chancery", "--encoding=UTF8", "--no-locale", "-D"]).arg(folder.join("data"));
        output(user.run(&mut initdb).current_dir(&folder))?;

        let port = free_port()?;
        configure(&folder, port, &user)?;
        let mut supervisor = Command::new("/bin/sh");
        supervisor.args(["-c", SUPERVISOR, "postgres"]).arg(programs.join("postgres")).arg(&folder);
        let supervisor = user
            .run(&mut supervisor)
            .current_dir(&folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("the server's supervisor cannot be started: {error}"))?;
        let server = Self { port, folder, supervisor };
        server.await_readiness()?;
        let (guarded, password) = GUARDED;
        psql(&format!("{}/postgres", server.base()), &format!("CREATE ROLE {guarded} SUPERUSER LOGIN PASSWORD '{password}'"))?;
        Ok(server)
    }

    fn base(&self) -> String {
        format!("postgres://chancery@127.0.0.1:{}", self.port)
    }

    /// Returns when the supervisor has done it.
    fn tell(&mut self, word: &str) {
        let (Some(orders), Some(answers)) = (&mut self.supervisor.stdin, &mut self.supervisor.stdout) else { panic!("both are pipes") };
        orders.write_all(format!("{word}\n").as_bytes()).expect("the supervisor listens");
        let mut answer = vec![0; word.len() + 1];
        answers.read_exact(&mut answer).expect("the supervisor answers");
    }

    fn await_readiness(&self) -> Result<(), String> {
        for _ in 0..600 {
            if psql(&format!("{}/postgres", self.base()), "SELECT 1").is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(format!("the server did not come up; it says: {}", fs::read_to_string(self.folder.join("log")).unwrap_or_default()))
    }
}

/// A port of loopback that was free a moment ago, below those that the kernel gives to connections: none of them can take it, not even
/// while its server is down for a while. Each process begins with ports of its own.
pub(crate) fn free_port() -> Result<u16, String> {
    const OF_ONE_PROCESS: u16 = 27;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 30_000 + u16::try_from(std::process::id() % 100).expect("it is below 100") * OF_ONE_PROCESS;
    let mut ports = (0..OF_ONE_PROCESS).map(|_| first + NEXT.fetch_add(1, Ordering::Relaxed) % OF_ONE_PROCESS);
    let free = ports.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    free.ok_or_else(|| format!("no port is free from {first} on"))
}

/// Loopback and a socket in the folder; no waiting for disks, since nobody will miss the data. Units that hold each other up are parted at
/// once, so that a test may have many of them.
fn configure(folder: &Path, port: u16, user: &User) -> Result<(), String> {
    let settings = format!(
        "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\nmax_connections = 500\nfsync = off\n\
         full_page_writes = off\nshared_buffers = 64MB\ndeadlock_timeout = 100ms\nssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n",
        folder.display(),
        folder.join("server.pem").display(),
        folder.join("server.key").display(),
    );
    let access = "local all all trust\nhost all chancery 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
    for (file, text) in [
        (folder.join("server.pem"), CERTIFICATE),
        (folder.join("server.key"), KEY),
        (folder.join("data/postgresql.conf"), &settings),
        (folder.join("data/pg_hba.conf"), access),
    ] {
        let write = || {
            let mut open = fs::File::create(&file)?;
            open.write_all(text.as_bytes())?;
            open.set_permissions(fs::Permissions::from_mode(0o600))
        };
        write().map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
        user.own(&file)?;
    }
    Ok(())
}

/// Who runs the server: `initdb` refuses root.
struct User(Option<(u32, u32)>);

impl User {
    fn unprivileged() -> Result<Self, String> {
        if id(&["-u"])? != 0 {
            return Ok(Self(None));
        }
        let known = |name: &str| Some((id(&["-u", name]).ok()?, id(&["-g", name]).ok()?));
        let other = known("postgres").or_else(|| known("nobody")).ok_or("we are root, and there is no user `postgres` or `nobody`")?;
        Ok(Self(Some(other)))
    }

    fn own(&self, path: &Path) -> Result<(), String> {
        let Some((user, group)) = self.0 else { return Ok(()) };
        chown(path, Some(user), Some(group)).map_err(|error| format!("{} cannot be given away: {error}", path.display()))
    }

    fn run<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        match self.0 {
            Some((user, group)) => command.uid(user).gid(group),
            None => command,
        }
    }
}

fn id(arguments: &[&str]) -> Result<u32, String> {
    output(Command::new("id").args(arguments))?.trim().parse().map_err(|_| "`id` printed no number".to_owned())
}

/// The folder of the newest PostgreSQL, where Debian keeps them.
fn programs() -> Result<PathBuf, String> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let installed = versions.map(|version| version.path().join("bin")).filter(|programs| programs.join("initdb").exists());
    installed.max().ok_or_else(|| "nothing is installed under /usr/lib/postgresql (Debian: apt-get install postgresql)".to_owned())
}

fn psql(url: &str, sql: &str) -> Result<String, String> {
    output(psql_of(url).args(["--command", sql]))
}

fn psql_of(url: &str) -> Command {
    let psql = programs().map_or_else(|_| PathBuf::from("psql"), |programs| programs.join("psql"));
    let mut command = Command::new(psql);
    command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", url]);
    command
}

fn output(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command.stdin(Stdio::null()).output().map_err(|error| format!("{program} cannot be run: {error}"))?;
    if done.status.success() {
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    } else {
        Err(format!("{program} failed: {}", String::from_utf8_lossy(&done.stderr).trim()))
    }
}

/// Enough to tell databases apart, without a crate or a clock.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
